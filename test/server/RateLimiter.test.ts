import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { RateLimiter } from "../../src/server/RateLimiter.ts"

const limiter = () => new RateLimiter({ perSecond: 2, burst: 3 })
const ask = (from: RateLimiter, key: string, times: number) =>
  Effect.map(
    Effect.replicateEffect(from.allows(key), times),
    (answers) => answers.filter((allowed) => allowed).length
  )

describe("RateLimiter", () => {
  it.effect("allows a burst, then as many as come back with time, and no more than a burst", () =>
    Effect.gen(function* () {
      const limited = limiter()
      assert.strictEqual(yield* ask(limited, "ann", 5), 3)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* ask(limited, "ann", 5), 2)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* ask(limited, "ann", 5), 3)
    })
  )

  it.effect("counts each key for itself", () =>
    Effect.gen(function* () {
      const limited = limiter()
      assert.strictEqual(yield* ask(limited, "ann", 5), 3)
      assert.strictEqual(yield* ask(limited, "bob", 5), 3)
    })
  )

  it.effect("L8: forgets whoever asked longest ago beyond 10,000 keys, and nobody else", () =>
    Effect.gen(function* () {
      const limited = limiter()
      yield* ask(limited, "first", 3)
      yield* ask(limited, "second", 3)
      for (let key = 0; key < 9_998; key++) yield* ask(limited, `${key}`, 1)
      assert.strictEqual(yield* ask(limited, "first", 1), 0)
      yield* ask(limited, "one more", 1)
      assert.strictEqual(yield* ask(limited, "first", 1), 0)
      assert.strictEqual(yield* ask(limited, "second", 3), 3)
    })
  )
})
