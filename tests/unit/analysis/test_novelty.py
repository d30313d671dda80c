import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from error_manager.analysis.metric_finding import News
from error_manager.analysis.novelty import NOTABLE, NoveltyDetector, score_novelty
from error_manager.analysis.novelty_usual import usual_range

SERIES = hnp.arrays(
    np.float64, st.integers(0, 300), elements=st.sampled_from([0.0, 0.5, 1.0, 7.0, -3.0, 90.0])
)


def daily(size, *, seed=1):
    """Return a share that follows the day in steps of five minutes, with noise."""
    times = np.arange(size)
    return 0.3 + 0.2 * np.sin(2 * np.pi * times / 288) + np.random.default_rng(seed).normal(0, 0.01, size)


@settings(max_examples=25, deadline=None)
@given(values=SERIES, cut=st.integers(0, 300))
def test_the_future_does_not_matter(values, cut):
    """The scores of a part are the first scores of the whole."""
    assert score_novelty(values[:cut]).tolist() == score_novelty(values)[:cut].tolist()


@settings(max_examples=25, deadline=None)
@given(values=SERIES, unit=st.sampled_from([0.25, 1024.0]), shift=st.sampled_from([0.0, 64.0]))
def test_scores_are_shares_and_know_no_unit(values, unit, shift):
    """Every score lies in 0..1 and is the same in another unit (a power of two: exact)."""
    scores = score_novelty(values)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert score_novelty(values * unit + shift) == pytest.approx(scores)


@pytest.mark.parametrize("unit", [0.25, 1024.0])
def test_what_a_constant_was_has_no_unit(unit):
    """A series that was constant while the parts of its range were cut."""
    values = np.full(150, 0.5)
    values[[128, 149]] = -3.0, 0.0
    scores = score_novelty(values)
    assert scores[128] >= NOTABLE
    assert score_novelty(values * unit).tolist() == scores.tolist()


def test_what_repeats_is_not_new():
    """A constant, and a day that is always the same, are never notable."""
    assert (score_novelty(np.full(600, 4.0)) == 0).all()
    square = np.tile(np.repeat([20.0, 80.0], 24), 30)
    assert (score_novelty(square)[96:] < NOTABLE).all()


def test_spike_is_told_once():
    """A value far outside is notable at once; the rest of the burst is told already."""
    values = daily(1_500)
    values[1_200:1_210] += 0.6
    notable = np.flatnonzero(score_novelty(values)[300:] >= NOTABLE) + 300
    assert notable[notable >= 1_200][0] == 1_200
    assert ((notable >= 1_200) & (notable < 1_260)).sum() <= 2


def test_new_level_within_the_range():
    """Half of what noon always had: no value is outside of the range, and it is told within the hour."""
    times = np.arange(288 * 8)
    values = 20 + 60.0 * (times % 288 // 96 == 1) + np.random.default_rng(2).uniform(0, 2, len(times))
    at = 288 * 6 + 96
    values[at : at + 96] -= 30
    scores = score_novelty(values)
    assert scores[at : at + 12].max() >= NOTABLE
    assert (scores[288 * 2 : at] < NOTABLE).all()


def test_not_measured_changes_nothing():
    """NaN and infinity are scored 0 and forgotten."""
    values = daily(400)
    holed = np.insert(values, [150, 300], [np.nan, np.inf])
    scores = score_novelty(holed)
    assert scores[150] == scores[301] == 0
    assert np.delete(scores, [150, 301]).tolist() == score_novelty(values).tolist()


def test_memory_is_bounded():
    """Many times the values that are kept: the buffer does not grow, and a spike is still told."""
    detector = NoveltyDetector(kept=256)
    rng = np.random.default_rng(4)
    for value in rng.integers(0, 4, 1_000):
        detector.update(float(value))
    assert detector._end - detector._begin == 256
    assert detector.update(40.0) >= NOTABLE


def explained(values):
    """Return score and explanation of the last value."""
    detector = NoveltyDetector()
    score = [detector.update(float(value)) for value in values][-1]
    return score, detector.explain()


@pytest.mark.parametrize(("by", "news"), [(0.6, News.ABOVE), (-0.9, News.BELOW)])
def test_record_is_explained(by, news):
    """A value outside of all is told as above or below, with what that time of day usually has."""
    values = daily(1_201)
    usual = values[1_200]
    values[1_200] += by
    score, told = explained(values)
    assert (score >= NOTABLE, told.news, told.width, told.known) == (True, news, 1, 1_200)
    assert told.usual[0] <= usual <= told.usual[1]
    assert told.usual[1] - told.usual[0] < 0.06


def test_value_after_others_is_explained():
    """A value that is usual at noon and never came after the night is new as a sequence."""
    times = np.arange(288 * 6)
    values = 20 + 60.0 * (times % 288 // 96 == 1) + np.random.default_rng(2).uniform(0, 2, len(times))
    at = 288 * 5 + 40
    values[at] = 50
    score, told = explained(values[: at + 1])
    assert (score >= NOTABLE, told.news, told.width) == (True, News.SEQUENCE, 1)
    assert 20 <= told.usual[0] <= told.usual[1] <= 22


def test_course_is_explained():
    """A day turned upside down has usual values only: told is the course, and what is usual in its place."""
    values = daily(1_225)
    usual = values[1_224]
    values[1_224] = 0.6 - usual
    score, told = explained(values)
    assert (score >= NOTABLE, told.news, told.width > 1) == (True, News.COURSE, True)
    assert told.usual[0] - 0.02 <= usual <= told.usual[1] + 0.02


def test_usual_range_by_hand():
    """In a series that repeats every ten values one value belongs in the newest's place."""
    values = np.append(np.tile(np.arange(10.0), 30), [99.0])
    assert usual_range(values, 1) == (0.0, 0.0)
    assert usual_range(np.append(values, 99.0), 2) == (1.0, 1.0)
