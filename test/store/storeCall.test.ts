import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Ref } from "effect"
import {
  ConnectionError,
  DeadlockError,
  SerializationError,
  SqlError,
  UniqueViolation,
  UnknownError
} from "effect/sql/SqlError"
import { TestClock } from "effect/testing"
import { storeCall } from "../../src/store/storeCall.ts"

const props = { cause: new Error("words"), message: "", operation: "query" }
const server = (code: string) =>
  new UnknownError({ ...props, cause: Object.assign(new Error("words"), { code }) })

describe("storeCall", () => {
  it.effect.each([
    ["a connection that breaks", new ConnectionError(props), true],
    ["admin shutdown", server("57P01"), true],
    ["too many connections", server("53300"), true],
    ["disk full", server("53100"), true],
    ["read-only: the primary became a standby", server("25006"), true],
    ["a right that was taken", server("42501"), true],
    ["a constraint", new UniqueViolation({ ...props, constraint: "c" }), false],
    ["a value that is no uuid", server("22P02"), false],
    ["a table that is gone", server("42P01"), false],
    ["the driver's own", new UnknownError(props), false]
  ] as const)("%s may mend itself: %s", ([, reason, retryable]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(storeCall("call", Effect.fail(new SqlError({ reason }))))
      assert.strictEqual(error.isRetryable, retryable)
      assert.strictEqual(error.call, "call")
    })
  )

  it.effect.each([
    ["a deadlock", new DeadlockError(props), 4],
    ["a serialization failure", new SerializationError(props), 4],
    ["a lost connection: the statement may have been applied", new ConnectionError(props), 1]
  ] as const)("%s is sent again", ([, reason, times]) =>
    Effect.gen(function* () {
      const sent = yield* Ref.make(0)
      const statement = Effect.andThen(
        Ref.update(sent, (n) => n + 1),
        Effect.fail(new SqlError({ reason }))
      )
      yield* Effect.flip(storeCall("call", statement))
      assert.strictEqual(yield* Ref.get(sent), times)
    })
  )

  it.effect("ends after 5 seconds, also when the statement can not be interrupted", () =>
    Effect.gen(function* () {
      const call = yield* Effect.forkChild(storeCall("call", Effect.uninterruptible(Effect.never)))
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = yield* Effect.flip(Fiber.join(call))
      assert.isTrue(error.isRetryable)
    })
  )

  it.effect("interrupts its statement when it is interrupted", () =>
    Effect.gen(function* () {
      const interrupted = yield* Ref.make(false)
      const statement = Effect.onInterrupt(Effect.never, () => Ref.set(interrupted, true))
      const call = yield* Effect.forkChild(storeCall("call", statement))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(call)
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* Ref.get(interrupted))
    })
  )
})
