"""The whole pipeline in one process: what the queues do, without the queues.

    bytes ─ preprocess ─► speech ─ features ─► frames ─ inference ─► emissions ─ decode ─► words ─ format ─► transcript

- preprocess reads the recording block by block, keeps its channels apart, and finds the stretches of speech in each;
- features computes what the acoustic model was trained to read, by the parameters in its spec;
- inference asks the model what it hears: log-probabilities of labels (CTC), or an n-best list of tokens (attention);
- decode searches them for words, with their times and how sure the model was;
- format gives the words of all channels the order of the conversation, as sentences.

Each step takes the stream of the one before it and an options object, so segments pass through all five as they are
found, and hours of audio need bounded memory. Between two processes `pipeline.artifacts` carries the same streams
unchanged: whichever way a recording goes, its transcript is the same to the byte.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.decode import decode, load_decoder
from pipeline.features import extract
from pipeline.format import format_transcript
from pipeline.inference import AcousticModel, ModelRuntime, infer, load_model
from pipeline.options import JobOptions
from pipeline.preprocess import preprocess
from pipeline.spec import ModelSpec, read_spec
from pipeline.values import Transcript


@dataclass(frozen=True, slots=True)
class Models:
    """What is loaded once and used for many recordings: an acoustic model, and a KenLM file if there is one."""

    folder: Path
    spec: ModelSpec
    acoustic: AcousticModel
    lm: Path | None = None

    @classmethod
    def load(cls, folder: Path, runtime: ModelRuntime, *, language: str = "en", lm: Path | None = None) -> "Models":
        """The models in `folder`; raises ModelNotFound or ModelMismatch, see `read_spec` and `load_model`."""
        spec = read_spec(folder, language=language)
        return cls(folder, spec, load_model(folder, spec, runtime), lm)


def transcribe(source: Path, models: Models, options: JobOptions | None = None) -> Transcript:
    """The transcript of the recording in the file `source`.

    Raises:
        InputError: the recording can't be used; the subclass says why.
    """
    options = options or JobOptions()
    speech = preprocess(source, options.preprocess)
    features = extract(speech, models.spec)
    emissions = infer(features, models.acoustic, options.search)
    decoder = load_decoder(models.folder, models.spec, options.decode, models.lm)
    words = decode(emissions, decoder)
    return format_transcript(words, models.spec, options.format)
