from tests.training.kills import prepare, trial


def test_a_run_killed_at_random_moments_ends_as_one_left_in_peace(tmp_path):
    report = trial(tmp_path, prepare(tmp_path), kills=3, seed=1)
    assert report.kills == 3
