import { Effect } from "effect"
import { Tag } from "../../src/domain/Tag.ts"
import type { Target } from "../../src/domain/Target.ts"
import type { Fence } from "../../src/store/Leader.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { acceptedAttempt } from "../store/rows.ts"
import { type Answer, request, serve } from "./rig.ts"
import { world } from "./world.ts"

/** A call of `/v1`: `POST api/redeploy` is `POST /v1/repositories/api/redeploy`, `GET /v1/brake` is itself. */
export const call = (
  origin: string,
  line: string,
  body?: unknown,
  headers: Record<string, string> = { "if-match": "*" }
): Effect.Effect<Answer> => {
  const [method = "", path = ""] = line.split(" ")
  const url = `${origin}${path.startsWith("/") ? path : `/v1/repositories/${path}`}`
  const text = typeof body === "string" ? body : JSON.stringify(body)
  return request(url, { method, headers, ...(body !== undefined && { body: text }) })
}

/** A server on a world of its own. */
export const served = <A, E, R>(test: (origin: string) => Effect.Effect<A, E, R>) =>
  serve().pipe(Effect.flatMap(test), Effect.provide(world), Effect.scoped)

export const tag = (text: string) => Tag.make(text)

/** An attempt of `api` at this target whose rollout ended so. */
export const ended = Effect.fnUntraced(function* (
  fence: Fence,
  to: Target,
  outcome: "succeeded" | "failed" | "superseded" = "succeeded",
  over: Parameters<typeof acceptedAttempt>[1] = {}
) {
  const store = yield* StateStore
  const made = yield* acceptedAttempt(fence, { ...over, to })
  yield* store.end(fence, {
    attempt: made.id,
    outcome,
    words: "Deployment completed successfully",
    nomadVersion: 4,
    deploymentId: "d",
    blame: outcome === "failed" ? "image" : null,
    swallowed: false,
    baseline: null,
    raise: null
  })
  return made.id
})
