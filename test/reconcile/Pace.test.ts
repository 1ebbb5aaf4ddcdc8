import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Beat, delayAfter, Pace } from "../../src/reconcile/Pace.ts"

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

  it.each([
    ["a thousand in the default interval come eight at a time", 1000, "59 seconds", 472],
    ["ten thousand as well", 10_000, "59 seconds", 47.2],
    ["a few are put a second apart at most", 5, "59 seconds", 1000],
    ["a short interval stays spread", 5, "1 second", 62.5],
    ["nobody is no error", 0, "59 seconds", 1000]
  ] as const)("L9: %s", (_, count, interval, length) => {
    const beat = new Beat(Duration.fromInputUnsafe(interval), count)
    const drawn = Array.from({ length: 10_000 }, (_, n) => 1_000_000 + n * 7.3)
    const moved = drawn.map((at) => beat.nearest(at) - at)
    assert.isAtMost(Math.max(...moved.map(Math.abs)), length / 2 + 1e-6)
    // Longer or shorter in the mean would be another interval than the configured one.
    assert.closeTo(moved.reduce((sum, each) => sum + each, 0) / moved.length, 0, length / 100)
    const beats = new Set(drawn.map((at) => beat.nearest(at)))
    assert.closeTo(beats.size, (drawn.length * 7.3) / length, 2)
  })
})
