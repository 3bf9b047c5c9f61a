import subprocess
import sys

import pytest

from candlewick.core.config import CONFIGS, group, validated
from candlewick.core.errors import ConfigError
from candlewick.train.losses.huber import Huber
from candlewick.train.recipe import Recipe
from candlewick.train.schedules import Cosine, Plateau

PACKAGED = sorted(path.stem for path in (CONFIGS / "train").glob("*.yaml"))


@pytest.mark.parametrize("name", PACKAGED)
def test_every_packaged_recipe_is_valid(name):
    recipe = validated(Recipe, group("train", name), where="train")
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_small_is_the_recipe_for_small_labels():
    recipe = validated(Recipe, group("train", "small"), where="train")
    assert recipe.sampling == "windows"
    assert (recipe.learning_rate, recipe.batch, recipe.clip, recipe.patience) == (1e-4, 16, 1.5, 15)
    assert recipe.schedule == Plateau(factor=0.7, patience=8, minimum=1e-7)


def test_losses_and_schedules_are_written_short_or_long():
    recipe = validated(Recipe, {"loss": {"name": "huber", "delta": 0.08}, "schedule": "cosine"}, where="train")
    assert recipe.loss == Huber(delta=0.08)
    assert recipe.schedule == Cosine()
    assert validated(Recipe, {"loss": "mse"}, where="train").loss.spec_name() == "mse"


def test_what_is_said_enters_the_content_id():
    plain = Recipe()
    others = [
        Recipe(loss={"name": "huber", "delta": 0.08}), Recipe(loss={"name": "huber", "delta": 0.09}),
        Recipe(schedule={"kind": "plateau", "factor": 0.7}), Recipe(clip=None), Recipe(threads=2),
    ]  # fmt: skip
    assert len({recipe.content_id for recipe in (plain, *others)}) == 6
    assert len({hash(recipe) for recipe in (plain, *others)}) == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rat": 1}, "Did you mean 'learning_rate'"),
        ({"learning_rate": 0}, "greater than 0"),
        ({"clip": -1}, "greater than 0"),
        ({"betas": [0.9, 1.0]}, r"betas must lie in \[0, 1\)"),
        ({"kahan": True}, "set precision: bf16"),
        ({"loss": "hubber"}, "Did you mean 'huber'"),
        ({"schedule": "cosin"}, "cosine"),
        ({"precision": "fp16"}, "bf16"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        validated(Recipe, settings, where="train")


def test_recipes_are_read_without_torch():
    code = (
        "import sys; from candlewick.train.recipe import Recipe; Recipe(loss='pinball', schedule='cosine');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_without_torch_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from candlewick.core.errors import MissingDependencyError\n"
        "try:\n    import candlewick.train.loop\n"
        "except MissingDependencyError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60, check=True, capture_output=True, text=True)
    assert "pip install 'candlewick[train]'" in done.stdout
