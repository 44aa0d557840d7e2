"""Opening models: what works, and the plain words for what does not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import model_runtime
from model_runtime import CATALOGUE, Library, ModelNotFound, ModelTooLarge, ModelUnsupported, load_model, offers
from tests.runtime.conftest import rewritten
from tests.runtime.families import build
from tests.runtime.tokenizers_for_tests import byte_level

ROOT = Path(__file__).resolve().parents[2]


def test_a_folder(saved):
    heard = []
    model = load_model(str(saved), progress=lambda message, fraction: heard.append((message, fraction)))
    assert heard[-1] == ("Ready", 1.0)
    fractions = [fraction for _, fraction in heard if fraction is not None]
    assert fractions == sorted(fractions)
    moment = model.begin("the cat")
    assert moment.model == str(saved)
    assert len(list(model.play(moment, 3))) >= 1
    assert model.card().dtype == "float32"


def test_the_same_weights_give_the_same_answers_and_fingerprint(saved):
    first, second = load_model(str(saved)), load_model(str(saved), device="cpu", dtype="float32")
    moment = first.begin("the cat")
    assert second.step(moment) == first.step(moment)
    rounded = load_model(str(saved), dtype="bfloat16").card()
    assert (rounded.dtype, rounded.fingerprint) == ("bfloat16", first.card().fingerprint)


def test_importing_the_package_is_light():
    heavy = ("torch", "transformers", "gradio", "plotly")
    code = f"import sys, model_runtime; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"


def test_public_names_are_pinned():
    names = """
        Ablate AblationScan AnatomyMap AttentionMap Attribution BadDecoding BadMoment BadRecording BeamTree
        BlockDrawing BlockStep CacheTable CacheTiming CacheWay CATALOGUE ChoiceStep ChoiceSteps CombinedMap Composition
        ContextFull ContextUse Contributions Decoding DeviceFailed Distribution Draws EmptyPrompt Entries
        estimate FeatureUnavailable Feedforward FilterStage HeadDistance HeadLabel HeadMeasure HeadMosaic
        HeadPairs HeadRanking HeadSimilarity HeadTable InputError InsideHead KernelTime KernelTiming
        LearnedPositions LeftOut LensCell LensCurves LensGrid LensReading Library load_model load_recording
        load_tokenizer LoadingStopped MaskChoice MaskTable MemoryNeed Model ModelCard ModelError ModelNotFound
        ModelTooLarge
        ModelUnsupported Moment NearestTokens NeuronTable NoChatTemplate NotFinite Offer offers OutOfRange
        OwnMask PackedRun Packing ParameterPart PartAttention PartEffects PartSpans PatchGrid Pieces Positions
        PositionScheme Predictions PromptForms Proof Question RecordedText ResidualTable RotaryHead
        SpecialTokens Stage Steer
        StreamSimilarity TextEnded TokenscopeError TokenSimilarity TokenTable TooManyWaiting TreeLine UnequalTexts
        VisitorLeft VocabularyFacts VocabularyPage
            GpuUnavailable BadRecording RecordedText load_recording
    """
    assert set(model_runtime.__all__) == set(names.split())
    for name in model_runtime.__all__:
        assert getattr(model_runtime, name).__doc__
    with pytest.raises(AttributeError):
        _ = model_runtime.nothing_of_the_kind


def test_names_that_lead_nowhere():
    for name in ("/no/such/folder", "a/b/c", "", "no such model", "../up"):
        with pytest.raises(ModelNotFound, match="no folder"):
            load_model(name)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(ModelNotFound, match=r"config\.json"):
        load_model(str(tmp_path))


def test_models_that_cannot_be_opened(folder):
    with pytest.raises(ModelUnsupported, match="never run"):
        load_model(rewritten(folder, model_type="brand_new", auto_map={"AutoModelForCausalLM": "modeling.Brand"}))
    with pytest.raises(ModelUnsupported, match="does not know"):
        load_model(rewritten(folder, model_type=None))
    with pytest.raises(ModelUnsupported, match="token by token"):
        load_model(rewritten(folder, model_type="vit"))
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelUnsupported, match="cannot be read"):
        load_model(str(folder))


def test_weights_that_do_not_fit(folder):
    with pytest.raises(ModelUnsupported, match="lack"):
        load_model(rewritten(folder, num_hidden_layers=4))
    with pytest.raises(ModelUnsupported, match="weights"):
        load_model(rewritten(folder, num_hidden_layers=3, hidden_size=64))


def test_damaged_and_missing_files(folder):
    (folder / "model.safetensors").write_bytes(b"not a tensor")
    with pytest.raises(ModelUnsupported, match="weights"):
        load_model(str(folder))
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelNotFound, match=r"no weights.*but chat_template.*Copy"):
        load_model(str(folder))
    (folder / "pytorch_model.bin").write_bytes(b"no pickle")
    with pytest.raises(ModelUnsupported, match="weights"):
        load_model(str(folder))
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(ModelUnsupported, match=r"no tokenizer.*Copy"):
        load_model(str(folder))


def test_the_checkpoints_own_numbers_on_a_cpu(saved, tmp_path):
    half = build("llama", {}).model.to(torch.bfloat16)
    half.save_pretrained(tmp_path)
    byte_level().save_pretrained(tmp_path)
    found = [load_model(str(folder), device="cpu", dtype="checkpoint").card().dtype for folder in (saved, tmp_path)]
    assert found == ["float32", "bfloat16"]
    assert load_model(str(tmp_path), device="cpu").card().dtype == "float32"


def test_devices_and_dtypes_that_do_not_exist(saved):
    with pytest.raises(ModelUnsupported, match="no device 'toaster'"):
        load_model(str(saved), device="toaster")
    with pytest.raises(ModelUnsupported, match="no dtype 'int3'"):
        load_model(str(saved), dtype="int3")


def test_a_model_that_does_not_fit_is_refused_before_it_is_read(folder):
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**20, 2**20], "data_offsets": [0, 2**42]}}).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 2**42)  # a sparse file: it has the size and takes no room
    with pytest.raises(ModelTooLarge, match=r"4398 GB of weights.*1,024 tokens.*GB are free on cpu.*bfloat16.*smaller"):
        load_model(str(folder))


def test_the_library_loads_once_and_keeps_to_its_bound(saved, folder):
    library = Library(limit=10**9)
    first = library.get(str(saved))
    assert library.get(str(saved)) is first
    small = Library(limit=first.weight_bytes)
    one = small.get(str(saved))
    small.get(str(folder))
    assert small.get(str(saved)) is not one


def test_the_catalogue_offers_the_builtin_model_first():
    assert CATALOGUE[0].name == "builtin"
    assert len({offer.name for offer in CATALOGUE}) == len(CATALOGUE) >= 4
    assert all(offer.needs.endswith(".") for offer in CATALOGUE)


def test_a_model_for_the_gpu_comes_first_where_there_is_room():
    names = [offer.name for offer in CATALOGUE]
    for free in (None, 0, 9_999_999_999):
        assert [offer.name for offer in offers(free)] == names
    phi = "microsoft/Phi-3-mini-4k-instruct"
    expected = [phi, *(name for name in names if name != phi)]
    assert [offer.name for offer in offers(10_000_000_000)] == expected
    assert Library(device="cpu").offers() == CATALOGUE
    with pytest.raises(ModelUnsupported, match="toaster"):
        Library(device="toaster").offers()


def test_long_prompts_are_weighed_before_the_model_runs(saved):
    model = load_model(str(saved))
    with pytest.raises(model_runtime.ContextFull, match="takes 64"):
        model.begin("the cat " * 1000)


def test_a_library_knows_models_by_precision(saved):
    library = Library(device="cpu")
    models = [library.get(str(saved)), library.get(str(saved), dtype="bfloat16")]
    assert [model.card().dtype for model in models] == ["float32", "bfloat16"]
    assert library.get(str(saved), dtype="bfloat16") is models[1]
    assert library.get(str(saved)) is models[0]


def test_a_library_says_what_room_there_is():
    device, free = Library(device="cpu").room()
    assert device == "cpu"
    assert free is None or 0 < free < 2**50
