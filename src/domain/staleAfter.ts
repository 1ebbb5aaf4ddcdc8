import { Duration } from "effect"

/**
 * When a registry that is asked once an interval has not answered for so long, it does not, or nobody asks it: jitter,
 * and the batches in which checks are written down, are within two intervals, the longest back-off of a short one in 30 s.
 */
export const staleAfter = (interval: Duration.Duration): Duration.Duration =>
  Duration.sum(Duration.times(interval, 2), Duration.seconds(30))
