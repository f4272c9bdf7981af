"""`python -m algovigil.cli`: the command without its script."""

import sys

from algovigil.cli import main

sys.exit(main())
