"""Makes plain `opentelemetry-instrument` use our distro and configurator.

It loads this module before it reads these variables; without them it takes whichever
distro it lists first. Nothing here is named `OTEL_*`: such names become its options.
"""

import os

os.environ.setdefault("OTEL_PYTHON_DISTRO", "algovigil")
os.environ.setdefault("OTEL_PYTHON_CONFIGURATOR", "algovigil")
