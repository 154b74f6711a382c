"""The episodes of a worker, and which rows are theirs."""

from kit.page.page_state import SECOND, START, head, step

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Target
from monty_mqtt_liveview.state.episodes import EpisodeKey, Episodes
from monty_mqtt_liveview.state.steps.step_table import StepTable


def started(at, episode, target=None):
    return schema.EpisodeStarted(**head(at), mode="eval", epoch=2, episode=episode, target=target)


def test_an_episode_is_known_from_whatever_comes_first():
    episodes = Episodes()
    episodes.note(step(5, episode=3), 1)
    episode = episodes.note(started(4, 3), 2)
    assert list(episodes) == [EpisodeKey("eval", 3)]
    assert (episode.first_unix_nanos, episode.newest_unix_nanos) == (START + 4 * SECOND, START + 5 * SECOND)
    assert (episode.epoch, episode.revision) == (0, 2)


def test_the_target_is_told_at_the_start_or_at_the_end():
    mug, bowl = Target(object="mug"), Target(object="bowl")
    episode = Episodes().note(started(0, 0), 1)
    assert episode.target is None
    episode.started = started(0, 0, mug)
    assert episode.target == mug
    episode.ended = schema.EpisodeEnded(**head(1), mode="eval", epoch=0, episode=0)
    assert episode.target == mug
    episode.ended = schema.EpisodeEnded(**head(1), mode="eval", epoch=0, episode=0, target=bowl)
    assert episode.target == bowl


def test_rows_are_found_in_a_table():
    steps = [step(0, episode=0), step(1, episode=0), step(2, mode="train"), step(3, episode=1), step(4, mode="other")]
    episodes, table = Episodes(), StepTable()
    for published in steps:
        episodes.note(published, 1)
        table.append(published)
    table.settle()
    episodes.find_rows(table, 7)
    rows = {
        key: (episode.first_row, episode.last_row, episode.steps, episode.revision) for key, episode in episodes.items()
    }
    assert rows == {
        EpisodeKey("eval", 0): (0, 1, 2, 7),
        EpisodeKey("train", 0): (2, 2, 1, 7),
        EpisodeKey("eval", 1): (3, 3, 1, 7),
        EpisodeKey("other", 0): (-1, -1, 0, 1),
    }


def test_rows_of_an_empty_table():
    episodes = Episodes()
    episode = episodes.note(step(0), 1)
    episode.first_row = episode.last_row = 0
    episodes.find_rows(StepTable(), 2)
    assert (episode.first_row, episode.last_row) == (-1, -1)
