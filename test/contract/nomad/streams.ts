import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { DeploymentBody, EvaluationBody, JobBody } from "./Answers.ts"
import type { Streamed } from "./Target.ts"

export interface StreamEvent {
  readonly Topic: string
  readonly Type: string
  readonly Key: string
  readonly Index: number
  readonly Payload: {
    readonly Job?: JobBody
    readonly Deleted?: boolean
    readonly Evaluation?: EvaluationBody
    readonly Deployment?: DeploymentBody & { readonly JobID: string }
  }
}
export interface Line {
  readonly Index: number
  readonly Events: ReadonlyArray<StreamEvent>
}

/** The lines with events; those without are signs of life. */
export const told = ({ lines }: Streamed): ReadonlyArray<Line> =>
  lines.filter((each) => each !== "{}").map((each) => JSON.parse(each) as Line)

/** Waits until the stream has sent it: bytes take real time, on a virtual clock too. */
export const arrives = <A>(of: () => A | undefined, what: string): Effect.Effect<A> =>
  Effect.gen(function* () {
    for (let tries = 0; tries < 1000; tries++) {
      const found = of()
      if (found !== undefined) return found
      yield* Effect.sleep("5 millis")
    }
    return assert.fail(`${what} did not arrive`)
  })
