import pytest

torch = pytest.importorskip("torch")

from tiny_fits import train  # noqa: E402

from candlewick.core.errors import ConfigError, TrainingError  # noqa: E402
from candlewick.train import device  # noqa: E402
from candlewick.train.recipe import Recipe  # noqa: E402

has_bf16 = device.has_bf16("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_that_is_not_there_is_an_error_and_auto_says_what_it_took():
    with pytest.raises(ConfigError, match=r"no CUDA device here.*Set device: cpu"):
        train(device="cuda")
    assert train(device="auto", epochs=1).device.startswith("cpu (")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_trains_and_is_reported():
    assert train(device="cuda", epochs=1).device.startswith("cuda (")


@pytest.mark.skipif(not has_bf16, reason="this processor has no bf16")
def test_bf16_is_taken_when_asked_and_by_auto_only_for_large_networks():
    assert train(precision="bf16", epochs=1).precision == "bf16"
    assert train(precision="auto", epochs=1).precision == "fp32"
    auto = Recipe(precision="auto")
    assert device.choose(auto, device.WORTH_BF16).precision == "bf16"
    assert device.choose(auto, device.WORTH_BF16 - 1).precision == "fp32"


def test_bf16_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(device, "has_bf16", lambda device: False)
    with pytest.raises(ConfigError, match=r"no bf16 arithmetic.*Set precision: fp32"):
        train(precision="bf16")
    assert train(precision="auto", epochs=1).precision == "fp32"


def test_device_that_computes_wrongly_is_refused(monkeypatch):
    right = device._trial_step
    device.verify.cache_clear()
    wrong = lambda name, dtype, autocast: right(name, dtype, autocast) * (1 if dtype == torch.float64 else 1.01)  # noqa: E731
    monkeypatch.setattr(device, "_trial_step", wrong)
    with pytest.raises(TrainingError, match=r"cpu in fp32 was chosen, but a trial step on it is off by 1\.0e-02"):
        train()
    device.verify.cache_clear()


def test_trial_step_agrees_with_float64_far_inside_its_tolerance():
    reference = device._trial_step("cpu", torch.float64, False)
    assert (device._trial_step("cpu", torch.float32, False) - reference).abs().max() < 1e-6


def test_seeding_draws_what_torch_draws_from_that_seed():
    with device.reproducible(1):
        torch.manual_seed(2**63 + 5)
        expected = torch.rand(4)
        device.seed_generators("cpu", 2**63 + 5)
        assert torch.equal(torch.rand(4), expected)
