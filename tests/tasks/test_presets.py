import pytest

from impasto.errors import UsageError
from impasto.settings.presets import PRESETS, preset
from impasto.settings.recipe import TASKS


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_made_of_settings_of_its_tasks(name):
    used = [task for task in TASKS if getattr(PRESETS[name], task)]
    assert used
    for task in used:
        assert TASKS[task].settings.from_mapping(preset(name, task))


def test_a_preset_of_another_task_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match=r"unknown preset of texture 'strotss'.*allowed: .*gatys2016"):
        preset("strotss", "texture")
    with pytest.raises(UsageError, match="did you mean 'gatys2016'"):
        preset("gatys2015", "stylize")
