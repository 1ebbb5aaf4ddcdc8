import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { delayAfter, Pace } from "../../src/reconcile/Pace.ts"

describe("Pace", () => {
  it.effect("L7: after a failure nobody asks before the delay is over, and then one for all", () =>
    Effect.gen(function* () {
      const pace = new Pace(Duration.seconds(59))
      assert.strictEqual(yield* pace.wait("hub"), 0)
      const delay = yield* pace.failed("hub", null)
      assert.isAtMost(yield* pace.wait("hub"), delay)
      assert.isAbove(yield* pace.wait("hub"), 0)
      assert.strictEqual(yield* pace.wait("other"), 0)
      yield* TestClock.adjust(Duration.millis(delay))
      assert.strictEqual(yield* pace.wait("hub"), 0)
      assert.isAbove(yield* pace.wait("hub"), 0)
      yield* pace.answered("hub")
      assert.strictEqual(yield* pace.wait("hub"), 0)
      assert.strictEqual(yield* pace.wait("hub"), 0)
    })
  )

  it.effect("L7: waits at least as long as the host asked for", () =>
    Effect.gen(function* () {
      const pace = new Pace(Duration.seconds(1))
      assert.strictEqual(yield* pace.failed("hub", 120_000), 120_000)
    })
  )

  it.effect("delays grow from one second to the longest, half of each by chance", () =>
    Effect.gen(function* () {
      for (const [failures, full] of [
        [0, 1000],
        [1, 2000],
        [4, 16_000],
        [5, 30_000],
        [400, 30_000]
      ] as const) {
        const delay = yield* delayAfter(failures, 30_000)
        assert.isAtLeast(delay, full / 2)
        assert.isAtMost(delay, full)
      }
    })
  )
})
