import msgspec

from engine.api.benchmark import PrecisionReport, Rival, RivalRow
from engine.api.plan import Precision, PrecisionChoice
from engine.bench.recommendation import Recommendation, recommend
from tests.engine.bench.reports import BUSY, QUIET, report, spread


def advise(*reports: PrecisionReport) -> Recommendation:
    return recommend("A model", reports, QUIET)


def test_the_best_quality_that_nobody_waits_for() -> None:
    found = advise(report(Precision.BF16, 60, 55), report(Precision.INT8, 100, 90), report(Precision.INT4, 150, 140))
    assert found.precision is Precision.BF16
    assert found.sentence == (
        "A model writes 55.0 tokens per second in BF16 on A card behind 2,000 tokens, much faster than anyone reads; "
        "the recommended setting is --precision bf16, while 8 bit (1.6 times as fast) and 4 bit (2.5 times as fast) "
        "would cost quality that nobody has to give up for speed here; that is 50% of what the memory allows."
    )


def test_where_all_are_slow_the_fastest_that_is_worth_its_price() -> None:
    found = advise(report(Precision.BF16, 5, 5), report(Precision.INT8, 9, 9), report(Precision.INT4, 9.5, 9.5))
    assert found.precision is Precision.INT8
    assert "slower than people read" in found.sentence
    assert "--precision int8 (1.8 times as fast as BF16), which costs hardly any quality; that is" in found.sentence


def test_a_lower_precision_that_gains_little_is_not_taken() -> None:
    assert advise(report(Precision.BF16, 5), report(Precision.INT4, 5.5)).precision is Precision.BF16


def test_precisions_are_compared_where_both_were_measured() -> None:
    found = advise(report(Precision.BF16, 20, 0), report(Precision.INT4, 19, 80))
    assert (found.precision, "behind 100 tokens" in found.sentence) == (Precision.BF16, True)


def test_what_stands_in_the_way_is_said_in_the_same_sentence() -> None:
    one = report(Precision.BF16, 50, share=0.9)
    assert advise(one).sentence.endswith(
        "it uses 90% of what the memory allows, so only a faster memory would help much."
    )
    assert "only 20% of what" in advise(report(Precision.BF16, 50, share=0.2)).sentence
    assert "close other programs and measure again" in recommend("A model", (one,), BUSY).sentence
    assert "lies in main memory" in advise(report(Precision.BF16, 2, offloaded_bytes=1)).sentence
    assert "--precision int4 may help" in advise(report(Precision.BF16, 2)).sentence
    assert "a smaller model would help" in advise(report(Precision.INT4, 2)).sentence
    assert all(found.count(". ") == 0 for found in (advise(one).sentence, recommend("A model", (one,), BUSY).sentence))


def test_what_was_measured_beside_rivals_is_advised_by() -> None:
    one = report(Precision.BF16)
    own = RivalRow(rival=Rival.HEARTH, context_tokens=487, tokens_per_second=spread(40))
    theirs = RivalRow(rival=Rival.GENERATE, context_tokens=487, tokens_per_second=spread(90))
    found = advise(msgspec.structs.replace(one, rivals=(own, theirs)))
    assert found.precision is Precision.BF16
    assert found.sentence.startswith("A model writes 40.0 tokens per second in BF16 on A card behind 487 tokens")
    assert advise(msgspec.structs.replace(one, rivals=(theirs,))).precision is None


def test_nothing_measured_nothing_advised() -> None:
    failed = PrecisionReport(choice=PrecisionChoice.INT8, failure="It does not fit.")
    assert advise(failed, report(Precision.BF16, 0)) == Recommendation(
        "How fast this computer writes was not measured; `hearth bench decode` does that."
    )
