import { Effect } from "effect"
import { type Asked, mayAt } from "./Asked.ts"
import { type Answer, bodyOf, invalidMethod, metadata, read, writeAnswer } from "./Http.ts"
import { type JsonObject, textOf } from "./Json.ts"
import { Refusal, refuse } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"

export const schedulerPath = "/v1/operator/scheduler/configuration"

/** As a new cluster has it. Of what can be set, the pause of the evaluation broker and the stop of all registers act. */
const defaults: JsonObject = {
  MemoryOversubscriptionEnabled: false,
  NodeLimitForFeasibilityChecks: 0,
  PauseEvalBroker: false,
  PreemptionConfig: {
    BatchSchedulerEnabled: false,
    ServiceSchedulerEnabled: false,
    SysBatchSchedulerEnabled: false,
    SystemSchedulerEnabled: true
  },
  RejectJobRegistration: false,
  SchedulerAlgorithm: "binpack"
}

/** `/v1/operator/scheduler/configuration`: read it, or set it whole. */
export const operatorRoute = (
  { cluster, broker }: Writer,
  request: Asked
): Effect.Effect<Answer, Refusal> => {
  const { state } = cluster
  if (request.method === "GET") {
    return Effect.andThen(mayAt(request, "operator", "read"), () =>
      read(cluster, request.query, () => {
        const set = { ...defaults, ...broker.config(), PauseEvalBroker: broker.isPaused() }
        const config = { ...set, CreateIndex: 1, ModifyIndex: 1 }
        return { index: 1, body: { ...metadata, KnownLeader: true, Index: 1, SchedulerConfig: config } }
      })
    )
  }
  if (request.method !== "PUT" && request.method !== "POST") return invalidMethod
  return Effect.gen(function* () {
    const body = yield* bodyOf(request).pipe(
      Effect.mapError(
        ({ status, words }) => new Refusal({ status, words: `Error parsing scheduler config: ${words}` })
      )
    )
    const algorithm = textOf(body["SchedulerAlgorithm"], "binpack")
    if (algorithm !== "binpack" && algorithm !== "spread") {
      return yield* refuse(400, `invalid scheduler algorithm: ${algorithm}`)
    }
    yield* mayAt(request, "operator", "write")
    state.commit(undefined, () => undefined)
    broker.configure(
      Object.fromEntries(Object.keys(defaults).map((key) => [key, body[key] ?? defaults[key]]))
    )
    broker.pause(body["PauseEvalBroker"] === true)
    return writeAnswer(state.index, { Index: state.index, Updated: true })
  })
}
