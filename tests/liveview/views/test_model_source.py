"""Whose learned model is shown: the worker's own, its run's, that of the run it loaded, else the newest before it."""

from kit.page.page_state import demo, head

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.run import Runs
from monty_mqtt_liveview.views.model_source import model_source


def state(*messages):
    runs = Runs()
    for message in messages:
        runs.apply(message)
    return runs


def model(run, worker, at):
    fields = {**head(at, worker), "run": run, "learning_module": "LM_0", "object": "mug"}
    return schema.ObjectModel(**fields, count=1)


def info(run, worker="main", at=0, **fields):
    return schema.Info(**{**head(at, worker), "run": run}, schema_version=1, **fields)


def source(runs, run="eval", worker="main", module="LM_0", name="mug"):
    return model_source(runs, runs.by_name[run], runs.by_name[run].workers[worker], module, name)


def test_its_own_comes_first_then_its_runs():
    runs = state(info("eval", at=9), model("eval", "other", 8), model("old", "main", 7))
    assert source(runs) == {"run": "eval", "worker": "other", "is_certain": True}
    runs.apply(model("eval", "main", 1))
    assert source(runs) == {"run": "eval", "worker": "main", "is_certain": True}


def test_the_run_whose_results_it_loaded_is_certain_and_any_earlier_one_is_not():
    messages = [info("a", output_dir="/data/results/a"), model("a", "main", 1), info("b"), model("b", "main", 2)]
    loaded = info("eval", at=9, model_path="/data/results/a/pretrained")
    assert source(state(*messages, loaded)) == {"run": "a", "worker": "main", "is_certain": True}
    assert source(state(*messages, info("eval", at=9))) == {"run": "b", "worker": "main", "is_certain": False}


def test_what_was_learned_later_or_by_another_module_is_not_meant():
    runs = state(info("eval", at=1), model("later", "main", 5))
    assert source(runs) is None
    assert source(state(model("a", "main", 1), info("eval", at=9)), module="LM_1") is None


def test_the_demo_recognises_with_what_it_learned():
    learning, recognising = demo()
    runs = Runs()
    runs.by_name = {demo_run.name: demo_run for demo_run in (learning, recognising)}
    answer = source(runs, recognising.name, "main", "learning_module_0", "coneSolid")
    assert answer == {"run": learning.name, "worker": "main", "is_certain": False}
