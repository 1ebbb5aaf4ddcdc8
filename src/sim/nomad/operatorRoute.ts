import { Effect } from "effect"
import { type Answer, type ApiRequest, bodyOf, invalidMethod, metadata, read, writeAnswer } from "./Http.ts"
import { type JsonObject, textOf } from "./Json.ts"
import { Refusal, refuse } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"

export const schedulerPath = "/v1/operator/scheduler/configuration"

/** Of the whole configuration only the pausing of the evaluation broker is simulated: the rest is as a new cluster has it, whatever is set. */
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
  request: ApiRequest
): Effect.Effect<Answer, Refusal> => {
  const { state } = cluster
  if (request.method === "GET") {
    return read(cluster, request.query, () => {
      const config = { ...defaults, PauseEvalBroker: broker.isPaused(), CreateIndex: 1, ModifyIndex: 1 }
      return { index: 1, body: { ...metadata, KnownLeader: true, Index: 1, SchedulerConfig: config } }
    })
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
    state.commit(undefined, () => undefined)
    broker.pause(body["PauseEvalBroker"] === true)
    return writeAnswer(state.index, { Index: state.index, Updated: true })
  })
}
