"""`bin/demo` says at once what it would only find out after minutes."""

import pytest

from backoffice.demo import history
from backoffice.demo.run import main


def test_a_sample_too_small_to_train_on_is_refused_before_anything_is_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--orders", str(history.FEWEST_ORDERS - 1)])
    assert refused.value.code == 2
    assert f"{history.FEWEST_ORDERS:,} or more" in capsys.readouterr().err
