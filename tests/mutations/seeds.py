"""`python -m tests.mutations.seeds MOST`: the simulator as a killer, one seed after the other, until one fails.

It says what happened as pytest does, so that whoever reads killers reads this one too.
"""

import sys

from settle.simulation.seeds import prepare, run_seed


def main(most: int) -> int:
    """Exit status 1 with the first seed that fails."""
    prepare()
    for seed in range(most):
        outcome = run_seed(seed)
        if outcome.violations:
            sys.stdout.write(f"{seed} passing, 1 failing\nFAILED simulator::{outcome.violations[0].check}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
