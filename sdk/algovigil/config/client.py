"""What the SDK captures, and where it sends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from algovigil.config.read import one_of

DICOM_DEFAULT: Final = (
    *("Modality", "Manufacturer", "ManufacturerModelName", "BodyPartExamined"),
    *("ViewPosition", "PhotometricInterpretation", "ConvolutionKernel"),
    *("Rows", "Columns", "NumberOfFrames", "BitsStored", "PixelSpacing"),
    *("SliceThickness", "KVP", "Exposure", "MagneticFieldStrength"),
    *("RepetitionTime", "EchoTime", "FlipAngle"),
)
DICOM_KNOWN: Final = frozenset(
    (
        *DICOM_DEFAULT,
        *("Laterality", "ImageLaterality", "PatientPosition", "PatientOrientation"),
        *("PresentationIntentType", "ScanningSequence", "SequenceVariant"),
        *("MRAcquisitionType", "SoftwareVersions", "SamplesPerPixel"),
        *(
            "BitsAllocated",
            "ExposureTime",
            "XRayTubeCurrent",
            "DistanceSourceToDetector",
        ),
        *("SpacingBetweenSlices", "ImagerPixelSpacing", "EchoTrainLength"),
        *("InversionTime", "RescaleSlope", "RescaleIntercept"),
        *("WindowCenter", "WindowWidth", "SpiralPitchFactor", "ReconstructionDiameter"),
    )
)
"""Facts of how an image was made; no identifier can be named in a file of settings."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the SDK collects beside inferences, and how often."""

    interval: float = 15.0
    host: bool = True
    gpu: bool = True
    usage: bool = False
    """Energy and peak memory of each call on a GPU; resets torch's peak counter."""
    lock_directory: str = ""
    """Where the one process that reports the GPUs holds its lock; '' is /run/lock."""


@dataclass(frozen=True, slots=True)
class Capture:
    """What of inputs and outputs is kept; see `docs/wire.md`."""

    features: bool = True
    predictions: bool = True
    max_rows: int = 256
    max_features: int = 256
    text: bool = False
    """Free texts, cleaned by the PHI rules."""
    tensors: bool = True
    """Summaries of images and tensors."""
    embedding: int = 0
    """Size of the embedding of each tensor; 0 is none."""
    dicom_fields: tuple[str, ...] = DICOM_DEFAULT
    """Keywords that are read of DICOM headers."""

    def __post_init__(self) -> None:
        for keyword in self.dicom_fields:
            one_of("capture.dicom_fields", keyword, DICOM_KNOWN)


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Where `PrometheusExporter` serves `/metrics`."""

    host: str = "127.0.0.1"
    port: int = 8000


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The durable outbox of outcomes."""

    directory: str = ""
    batch_size: int = 256
    interval: float = 1.0
    """How often those that wait are delivered."""
    max_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Processor:
    """Where the SDK's clients find the processor."""

    endpoint: str = "http://127.0.0.1:4317"
    api: str = "http://127.0.0.1:8080"
