"""Images and tensors leave as type, shape and named numbers, never as pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

from algovigil import capture, hold
from algovigil.capture import Inputs, tensor
from algovigil.config import Capture, MonitoringConfig
from algovigil.errors import ConfigError

RANDOM = np.random.default_rng(0)


def columns(table: Any, **settings: Any) -> Inputs:
    config = Capture(**settings)
    found = capture.inputs(hold.take(table, None, config, named=False), (), config)
    assert found is not None
    return found


def row(found: Inputs, number: int = 0) -> dict[str, float]:
    width = len(found.feature_names)
    values = found.feature_values[number * width : (number + 1) * width]
    return dict(zip(found.feature_names, values, strict=True))


def test_a_batch_of_images_is_summed_up_row_by_row() -> None:
    """Mean, deviation, quantiles and shares are those of numpy over each image."""
    images = RANDOM.normal(0.5, 0.2, (3, 1, 40, 50)).astype(np.float32)
    found = columns(images)
    assert {"input": "float32[1,40,50]"} == found.tensors
    for i, image in enumerate(images.astype(np.float64)):
        named = row(found, i)
        assert image.mean() == pytest.approx(named["input.mean"])
        assert image.std() == pytest.approx(named["input.std"])
        assert np.quantile(image, 0.95) == pytest.approx(named["input.p95"])
        assert (image < 0.5).mean() == pytest.approx(named["input.below_0.5"])
        assert 1.0 == named["input.finite"]
    assert len(found.feature_values) == 3 * len(found.feature_names)


def test_bytes_have_bounds_of_their_own() -> None:
    """A picture of bytes is told apart by its shades."""
    named = row(columns(np.full((1, 8, 8, 3), 100, np.uint8)))
    assert 0.0 == named["input.below_96"]
    assert 1.0 == named["input.below_128"]
    assert 100.0 == named["input.p50"]


def test_what_is_no_finite_number_is_counted_apart() -> None:
    """NaN and infinity take part in no summary; a row without numbers has none."""
    image = np.ones((2, 4, 4))
    image[0, 0] = [math.nan, math.inf, -math.inf, 3.0]
    image[1] = math.nan
    found = columns(image)
    first, second = row(found, 0), row(found, 1)
    assert 13 / 16 == first["input.finite"]
    assert 15 / 13 == pytest.approx(first["input.mean"])
    assert 0.0 == second["input.finite"]
    assert math.isnan(second["input.mean"])


@pytest.mark.parametrize("shape", [(512, 512), (3, 224, 224), (64, 64, 64), (5000,)])
def test_a_large_image_is_sampled_evenly(shape: tuple[int, ...]) -> None:
    """A few thousand elements stand for all, over every line and column alike."""
    image = RANDOM.normal(size=(1, *shape))
    kept = tensor.sample(image)
    assert 2000 <= kept.values.size <= tensor.ELEMENTS
    assert abs(image.mean() - kept.values.mean()) < 0.08
    columns_seen = {i % shape[-1] for i in range(*tensor.places(shape).indices(10**9))}
    assert len(columns_seen) >= min(shape[-1], kept.values.size) * 0.6


def test_the_layout_in_memory_does_not_matter() -> None:
    """The same image gives the same numbers, whichever axis lies first in memory."""
    image = RANDOM.normal(size=(2, 3, 70, 90))
    turned = np.asfortranarray(image)
    assert not turned.flags.c_contiguous
    assert columns(image) == columns(turned)


def test_the_copy_is_of_the_moment() -> None:
    """What the caller does with its image afterwards does not show."""
    image = np.zeros((1, 8, 8))
    held = hold.take(image, None, Capture(), named=False)
    image += 9.0
    found = capture.inputs(held, (), Capture())
    assert found is not None
    assert 0.0 == row(found)["input.mean"]


def test_wide_rows_without_names_are_a_signal() -> None:
    """An ECG is no table of five thousand features; a named table is."""
    signal = RANDOM.normal(size=(2, 5000))
    assert {"input": "float64[5000]"} == columns(signal).tensors
    named = hold.take(signal, None, Capture(max_features=4), named=True)
    found = capture.inputs(named, (), Capture(max_features=4))
    assert found is not None
    assert {} == found.tensors
    assert 4 == len(found.feature_names)


def test_several_inputs_have_their_names() -> None:
    """A mapping of tensors, as ONNX Runtime takes it: each under its own name."""
    found = columns(
        {
            "image": np.zeros((2, 1, 4, 4), np.float32),
            "vitals": np.array([[64.0, 2.1], [71.0, 1.4]]),
            "sex": np.array([["F"], ["M"]]),
            "input_ids": np.array([[7592, 2088], [101, 102]]),
        }
    )
    assert {"image": "float32[1,4,4]", "input_ids": "int64[2]"} == found.tensors
    assert [64.0, 71.0] == [row(found, i)["vitals.0"] for i in (0, 1)]
    assert ("sex",) == found.category_names
    assert not any(name.startswith("input_ids") for name in found.feature_names)


def test_tensors_can_be_left_out() -> None:
    """`capture.tensors: false` keeps nothing of them."""
    held = hold.take(np.zeros((1, 4, 4)), None, Capture(tensors=False))
    assert capture.inputs(held, (), Capture(tensors=False)) is None


def test_an_embedding_keeps_distances() -> None:
    """Images that are near each other have embeddings that are; the rest has not."""
    one = RANDOM.normal(size=(16, 16))
    images = np.stack([one, one + 0.01, RANDOM.normal(size=(16, 16))])
    found = columns(images, embedding=32)
    vectors = np.array(found.embedding).reshape(3, 32)
    near = np.linalg.norm(vectors[0] - vectors[1])
    far = np.linalg.norm(vectors[0] - vectors[2])
    assert near * 20 < far
    assert 1.0 == pytest.approx(
        far / np.linalg.norm(images[0] - images[2]) * 16 / math.sqrt(32), rel=0.4
    )
    assert list(found.embedding) == list(columns(images, embedding=32).embedding)
    assert () == columns(images).embedding


def scan(**fields: Any) -> Dataset:
    """Return a CT slice with identifiers in its header."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.PatientName = "Smith^John"
    data.PatientID = "1234567"
    data.PatientBirthDate = "19500101"
    data.PatientSex = "M"
    data.PatientAge = "064Y"
    data.StudyDescription = "follow-up of John Smith"
    data.Modality = "CT"
    data.Manufacturer = "ACME"
    data.SliceThickness = "1.5"
    data.PixelSpacing = [0.7, 0.8]
    data.Rows, data.Columns, data.SamplesPerPixel = 16, 16, 1
    data.BitsAllocated, data.BitsStored, data.PixelRepresentation = 16, 12, 1
    data.RescaleSlope, data.RescaleIntercept = "2", "-1000"
    data.PixelData = np.full((16, 16), 520, "<i2").tobytes()
    for name, value in fields.items():
        setattr(data, name, value)
    return data


def test_a_dicom_header_tells_how_an_image_was_made() -> None:
    """Listed facts, subgroups in bands, measured values; never whose image it is."""
    found = columns(scan())
    named = row(found)
    assert {
        "dicom.SliceThickness": 1.5,
        "dicom.PixelSpacing.0": 0.7,
        "dicom.PixelSpacing.1": 0.8,
        "dicom.Rows": 16.0,
        "dicom.BitsStored": 12.0,
    }.items() <= named.items()
    assert 40.0 == named["image.mean"]  # Hounsfield units: 520 * 2 - 1000
    assert {"dicom.Modality": "CT", "dicom.Manufacturer": "ACME"} == dict(
        zip(found.category_names, found.category_values, strict=True)
    )
    assert {"image": "int16[16,16]"} == found.tensors
    assert {"sex": "M", "age_band": "60-69"} == found.subgroup
    assert not any(
        word in repr(found) for word in ("Smith", "1234567", "1950", "follow")
    )


def test_several_headers_are_rows() -> None:
    """A fact that one of them lacks is missing there; subgroups only where alike."""
    table = [scan(), scan(Modality="MR", PatientSex="F", KVP="120")]
    assert 2 == capture.row_count(table)
    found = columns(table)
    assert ["CT", "MR"] == list(found.category_values[:: len(found.category_names)])
    assert math.isnan(row(found, 0)["dicom.KVP"])
    assert 120.0 == row(found, 1)["dicom.KVP"]
    assert {"age_band": "60-69"} == found.subgroup


def test_compressed_pixels_have_no_summaries() -> None:
    """Decoding them is not for the caller's time: shape and type, nothing else."""
    data = scan(PixelData=b"\xff\x4f\xff")
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    found = columns(data)
    assert {"image": "int16[16,16]"} == found.tensors
    assert not any(name.startswith("image.") for name in found.feature_names)


def test_no_identifier_can_be_named() -> None:
    """The keywords that may be read are known; others are refused at the start."""
    assert columns(scan(), dicom_fields=("Modality",)).category_values == ["CT"]
    with pytest.raises(ConfigError, match="PatientName"):
        MonitoringConfig.of({"capture": {"dicom_fields": ["PatientName"]}})
