"""Model folders as other people write them: read by every form that is known, refused as a mismatch by every other."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import AddedToken, Wav2Vec2CTCTokenizer

from pipeline.errors import ModelError, ModelMismatch, ModelNotFound
from pipeline.spec import (
    AttentionVocabulary,
    CtcVocabulary,
    ModelSpec,
    NemoLogMel,
    RawWaveform,
    WhisperLogMel,
    read_spec,
)

Files = dict[str, Any]

WAV2VEC2: Files = {
    "config.json": {"vocab_size": 7, "pad_token_id": 0, "conv_stride": [5, 2, 2, 2, 2, 2, 2]},
    "preprocessor_config.json": {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "do_normalize": True,
        "sampling_rate": 16_000,
    },
    "vocab.json": {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "a": 5, "b": 6},
    "tokenizer_config.json": {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
}
PARAKEET: Files = {
    "config.json": {"vocab_size": 4, "pad_token_id": 3, "encoder_config": {"subsampling_factor": 8}},
    "processor_config.json": {
        "feature_extractor": {
            "feature_extractor_type": "ParakeetFeatureExtractor",
            "feature_size": 128,
            "n_fft": 512,
            "win_length": 400,
            "hop_length": 160,
            "preemphasis": 0.97,
        }
    },
    "tokenizer.json": {
        "model": {"vocab": [["<unk>", 0.0], ["▁call", -1.0], ["s", -2.0]]},
        "added_tokens": [{"content": "<pad>", "id": 3}],
    },
    "tokenizer_config.json": {"unk_token": "<unk>"},
}
ENGLISH = [
    *("<|endoftext|>", "<|startoftranscript|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>"),
    *("<|startofprev|>", "<|nocaptions|>", "<|notimestamps|>"),
]
WHISPER: Files = {
    "config.json": {"suppress_ids": [2]},
    "preprocessor_config.json": {"feature_size": 80, "sampling_rate": 16_000},
    "vocabulary.json": ENGLISH,
}
FOLDERS = {"wav2vec2": WAV2VEC2, "parakeet": PARAKEET, "whisper": WHISPER}
ANYTHING = [None, True, -1, 0, 1.5, "x", "", [], {}, [1], {"a": 1}]

Make = Callable[[Files], Path]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """Writes the files of a model; weights are there, but nothing reads them."""

    def make(files: Files) -> Path:
        (tmp_path / ("model.bin" if "vocabulary.json" in files else "model.safetensors")).touch()
        for name, content in files.items():
            (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
        return tmp_path

    return make


def _places(content: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to the content itself and to everything in it."""
    yield above
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inside:
        yield from _places(value, (*above, key))


def _with(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(content)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return changed


def _changed(spec: Files, **files: Any) -> Files:
    """The files of a model, with those named by their stems merged into what they hold."""
    return {
        name: {**content, **files.pop(name.removesuffix(".json"), {})} if isinstance(content, dict) else content
        for name, content in spec.items()
    }


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_field_of_any_other_form_is_a_mismatch_or_does_no_harm(made: Make, kind: str) -> None:
    files = FOLDERS[kind]
    refused = 0
    for name, content in files.items():
        for place in _places(content):
            for value in ANYTHING:
                folder = made({**files, name: _with(content, place, value)})
                refused += _is_refused(folder)
        made(files)
    assert refused > 20


def _is_refused(folder: Path) -> bool:
    try:
        spec = read_spec(folder)
    except ModelError:
        return True
    assert isinstance(spec, ModelSpec)
    return False


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1,", b"\x00"])
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, files in FOLDERS.items() for name in files])
def test_a_file_that_is_not_json_is_a_mismatch(made: Make, kind: str, name: str, content: bytes) -> None:
    folder = made(FOLDERS[kind])
    (folder / name).write_bytes(content)
    with pytest.raises(ModelMismatch):
        read_spec(folder)


def test_special_tokens_are_known_by_their_properties_as_well_as_by_themselves(made: Make) -> None:
    properties = {"__type": "AddedToken", "content": "<unk>", "lstrip": False, "special": True}
    vocabulary = read_spec(made(_changed(WAV2VEC2, tokenizer_config={"unk_token": properties}))).vocabulary
    assert isinstance(vocabulary, CtcVocabulary)
    assert vocabulary.specials == {0, 1, 2, 3}


@pytest.mark.parametrize("as_properties", [True, False])
def test_the_specials_are_those_of_a_tokenizer_that_transformers_saved(made: Make, as_properties: bool) -> None:
    folder = made(WAV2VEC2)
    names = {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    given: Files = {key: AddedToken(name, special=True) if as_properties else name for key, name in names.items()}
    tokenizer = Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), **given)
    tokenizer.save_pretrained(folder)
    vocabulary = read_spec(folder).vocabulary
    assert isinstance(vocabulary, CtcVocabulary)
    assert vocabulary.specials == set(tokenizer.all_special_ids) - {tokenizer.word_delimiter_token_id}
    assert [vocabulary.tokens[index] for index in range(7)] == tokenizer.convert_ids_to_tokens(list(range(7)))


def test_the_delimiter_of_words_is_the_tokenizer_s_own(made: Make) -> None:
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "_": 4, "a": 5, "b": 6}
    files = {**_changed(WAV2VEC2, tokenizer_config={"word_delimiter_token": "_"}), "vocab.json": vocab}
    vocabulary = read_spec(made(files)).vocabulary
    assert isinstance(vocabulary, CtcVocabulary)
    assert vocabulary.word_delimiter == "_"


@pytest.mark.parametrize(
    ("strides", "frame_s"), [([5, 2, 2, 2, 2, 2, 2], 0.02), ([5, 4, 4, 4], 0.02), ([10, 8], 0.005)]
)
def test_the_time_of_a_frame_is_the_product_of_the_strides(made: Make, strides: list[int], frame_s: float) -> None:
    assert read_spec(made(_changed(WAV2VEC2, config={"conv_stride": strides}))).frame_s == pytest.approx(frame_s)


@pytest.mark.parametrize("blank", [-1, 7, "0", None, 1.0])
def test_a_blank_that_is_no_label_is_a_mismatch(made: Make, blank: Any) -> None:
    with pytest.raises(ModelMismatch, match="the blank is unknown"):
        read_spec(made(_changed(WAV2VEC2, config={"pad_token_id": blank})))


def test_labels_beyond_the_output_layer_are_left_out(made: Make) -> None:
    """Tokenizers add tokens, such as a mask, for which a model has no output."""
    folder = made(WAV2VEC2)
    (folder / "added_tokens.json").write_text(json.dumps({"<mask>": 7}), encoding="utf-8")
    vocabulary = read_spec(folder).vocabulary
    assert isinstance(vocabulary, CtcVocabulary)
    assert vocabulary.tokens == tuple(WAV2VEC2["vocab.json"])


def test_the_extractor_s_own_file_goes_before_the_processor_s(made: Make) -> None:
    own = {"feature_extractor_type": "ParakeetFeatureExtractor", "feature_size": 80}
    spec = read_spec(made({**PARAKEET, "preprocessor_config.json": own}))
    assert spec.front_end == NemoLogMel(bands=80)


def test_a_waveform_that_was_not_normalised_in_training_is_not(made: Make) -> None:
    spec = read_spec(made(_changed(WAV2VEC2, preprocessor_config={"do_normalize": False})))
    assert spec.front_end == RawWaveform(normalise=False)


def test_a_vocabulary_in_lines_is_that_in_json(made: Make) -> None:
    in_json = read_spec(made(WHISPER))
    folder = made(WHISPER)
    (folder / "vocabulary.json").unlink()
    (folder / "vocabulary.txt").write_text("\n".join(ENGLISH) + "\n", encoding="utf-8")
    assert read_spec(folder) == in_json


@pytest.mark.parametrize("missing", ENGLISH)
def test_a_whisper_vocabulary_without_a_token_that_steers_is_a_mismatch(made: Make, missing: str) -> None:
    tokens = [token if token != missing else "gone" for token in ENGLISH]
    with pytest.raises(ModelMismatch, match=missing.strip("<|>")):
        read_spec(made({**WHISPER, "vocabulary.json": tokens}))


def test_what_the_model_itself_takes_for_no_speech_is_never_written(made: Make) -> None:
    files = {**WHISPER, "config.json": {"suppress_ids": [0]}, "vocabulary.json": ["♪", *ENGLISH]}
    vocabulary = read_spec(made(files)).vocabulary
    assert isinstance(vocabulary, AttentionVocabulary)
    assert [vocabulary.tokens[token] for token in vocabulary.suppressed] == ["♪", *ENGLISH[1:7]]


@pytest.mark.parametrize("token", [-1, len(ENGLISH)])
def test_a_token_that_is_not_there_cannot_be_kept_from_being_written(made: Make, token: int) -> None:
    with pytest.raises(ModelMismatch, match="suppress_ids"):
        read_spec(made({**WHISPER, "config.json": {"suppress_ids": [token]}}))


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_model_without_its_configuration_is_not_found(made: Make, kind: str) -> None:
    folder = made(FOLDERS[kind])
    (folder / "config.json").unlink()
    with pytest.raises(ModelNotFound, match=r"config\.json"):
        read_spec(folder)


def test_a_model_is_called_as_it_is_told_or_as_its_folder(made: Make, tmp_path: Path) -> None:
    folder = made(WHISPER)
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(folder)
    assert read_spec(folder).name == read_spec(link).name == folder.name
    assert read_spec(folder, name="tiny").name == "tiny"


@pytest.mark.parametrize(("language", "separated"), [("en", True), ("ko", True), ("ja", False), ("yue", False)])
def test_languages_without_spaces_are_known(language: str, separated: bool) -> None:
    vocabulary = CtcVocabulary(("<pad>",), 0, frozenset({0}), "|")
    assert ModelSpec("m", language, RawWaveform(), vocabulary, 0.02, pads_freely=True).separates_words is separated


@pytest.mark.parametrize(("window_s", "frames"), [(30.0, 3_000), (29.99, 2_999), (1.0, 100)])
def test_a_window_holds_a_hundred_frames_a_second(window_s: float, frames: int) -> None:
    assert WhisperLogMel(window_s=window_s).window_frames == frames
