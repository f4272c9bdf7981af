from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from algovigil import semconv

torch = pytest.importorskip("torch", reason="make test-frameworks installs it")
transformers = pytest.importorskip(
    "transformers", reason="make test-frameworks installs it"
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.testing import Captured

pytestmark = pytest.mark.usefixtures("watched")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "chest", "pain", "john"]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tiny classifier of texts with random weights, made here."""
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(WORDS))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        id2label={0: "routine", 1: "urgent"},
        label2id={"routine": 0, "urgent": 1},
    )
    return transformers.pipeline(
        "text-classification",
        model=transformers.BertForSequenceClassification(config).eval(),
        tokenizer=transformers.BertTokenizer(str(path)),
        device="cpu",
    )


def attributes(captured: Captured) -> list[dict[str, Any]]:
    return [dict(span.attributes or {}) for span in captured.spans]


def test_a_pipeline_is_one_record(captured: Captured, pipeline: Any) -> None:
    """Labels and scores of each text; the texts themselves go nowhere."""
    answers = pipeline(["chest pain", "john"])
    (single,) = pipeline("chest pain")
    first, second = attributes(captured)
    assert (
        "TextClassificationPipeline[BertForSequenceClassification]"
        == (first[semconv.MODEL_NAME])
    )
    assert "transformers" == first[semconv.MODEL_FRAMEWORK]
    assert (2, 1) == (first[semconv.ROWS], second[semconv.ROWS])
    assert tuple(a["label"] for a in answers) == first[semconv.PREDICTION_LABELS]
    assert tuple(a["score"] for a in answers) == first[semconv.PREDICTION_SCORES]
    assert (single["label"],) == second[semconv.PREDICTION_LABELS]
    assert first[semconv.MODEL_VERSION] == second[semconv.MODEL_VERSION]
    assert first[semconv.MODEL_VERSION].startswith("BertForSequenceClassification@")
    assert "john" not in "".join(span.to_json() for span in captured.spans)


def test_a_stream_is_one_record_at_its_end(captured: Captured, pipeline: Any) -> None:
    """A generator in, answers one by one out, and the record when it is exhausted."""

    def notes() -> Iterator[str]:
        yield from ["chest pain", "john", "pain"]

    stream = pipeline(notes())
    first = next(iter(stream))
    assert {"label", "score"} == set(first)
    assert () == captured.spans
    rest = list(stream)
    (found,) = attributes(captured)
    assert len(rest) + 1 >= found[semconv.ROWS] or 3 == found[semconv.ROWS]
    assert len(found[semconv.PREDICTION_SCORES]) == found[semconv.ROWS]


def test_the_model_alone_answers_with_its_labels(
    captured: Captured, pipeline: Any
) -> None:
    """Logits are no probabilities: the class is told, the score is not."""
    words = pipeline.tokenizer("chest pain", return_tensors="pt")
    with torch.no_grad():
        logits = pipeline.model(**words).logits
    (found,) = attributes(captured)
    assert "torch" == found[semconv.MODEL_FRAMEWORK]
    expected = ["routine", "urgent"][int(logits.argmax())]
    assert (expected,) == found[semconv.PREDICTION_LABELS]
    assert semconv.PREDICTION_SCORES not in found
    assert semconv.FEATURE_VALUES not in found


def test_generating_is_one_record(captured: Captured) -> None:
    """Many forward passes are one call, and what is written is not kept."""
    config = transformers.GPT2Config(
        vocab_size=16, n_embd=8, n_layer=1, n_head=1, n_positions=32
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    model.generate(torch.tensor([[1, 2]]), max_new_tokens=4, pad_token_id=0)
    (found,) = attributes(captured)
    assert ("generate", "GPT2LMHeadModel", 1) == (
        found[semconv.OPERATION],
        found[semconv.MODEL_NAME],
        found[semconv.ROWS],
    )
    kept = {semconv.FEATURE_VALUES, semconv.PREDICTION_LABELS}
    assert not kept & set(found)
