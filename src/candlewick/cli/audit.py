"""The leak firewall on an experiment."""

from typing import Annotated

from cyclopts import Parameter

from candlewick.cli.show import Show


def audit(
    experiment: Annotated[str, Parameter(help="A packaged name or a YAML file.")],
    /,
    *overrides: Annotated[str, Parameter(help="For example model=linear seeds=[0].")],
    cuts: Annotated[int, Parameter(help="Moments at which the future is replaced.")] = 20,
    seed: Annotated[int, Parameter(help="Of the cuts, fits and bootstraps.")] = 0,
    only: Annotated[str | None, Parameter(help="Only these checks: features,labels,fit.")] = None,
    show: Show = Show(),  # noqa: B008 (frozen)
) -> int:
    """Try every way in which the future could reach a forecast; print the cost first.

    Exit code 0 where no leak was seen, 1 where one was.
    """
    from candlewick.lab.audit import audit as carry_out
    from candlewick.lab.experiment import Experiment

    wanted = [name.strip() for name in only.split(",")] if only else None
    with show.progress() as progress:
        report = carry_out(Experiment.of(experiment, *overrides), cuts=cuts, seed=seed, only=wanted, progress=progress)
    if not show.data(report.to_dict()):
        for check in report.checks:
            print(f"{'ok   ' if check.passed else 'LEAK '}{check.name.replace('_', ' '):12} {check.message}")
        count = len(report.failed)
        print(
            f"\n{len(report.checks)} checks in {report.seconds:.0f} s: {count or 'no'} leak{'s' * (count != 1)} seen."
        )
    return int(not report.passed)
