"""What the experiments choose, and by what; values worked out by hand."""

from experiments import initialisation, regularisation


def test_patience_gives_the_best_and_the_last_epoch():
    assert regularisation.patient([3, 2, 1, 4, 4, 4, 4, 4, 0]) == (3, 8)
    assert regularisation.patient([3, 2, 1]) == (3, 3)


def test_the_rate_is_chosen_by_validation_and_not_by_test():
    history = zip(initialisation.RATES, (0.2, 0.3, 0.9, 0.4, 0.6, 0.1), strict=True)
    runs = [
        {
            "start": start,
            "normalised": normalised,
            "rate": rate,
            "seed": 0,
            "history": {"val_accuracy": [0.1, best], "test_accuracy": 1 - best},
        }
        for rate, best in history
        for start in initialisation.STARTS
        for normalised in (False, True)
    ]
    for found in initialisation.choose(runs):
        assert found["rate"] == 0.1
        assert found["test accuracy, %"] == 10.0
        assert found["rates that learn"] == [0.1, 1.0]
