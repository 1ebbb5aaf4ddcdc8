import { Effect } from "effect"
import { type Asked, may } from "./Asked.ts"
import { HclError } from "./Hcl.ts"
import { type Answer, bodyOf, namespaceOf, writeAnswer } from "./Http.ts"
import { canonicalJob } from "./canonicalJob.ts"
import { parseJob } from "./parseJob.ts"
import { textOf } from "./Json.ts"
import { refuse, type Refusal } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"

/** `POST /v1/jobs/parse`: a job file as the JSON of a job. The token is looked at by the agent itself. */
export const parseRoute = ({ cluster }: Writer, request: Asked): Effect.Effect<Answer, Refusal> =>
  Effect.gen(function* () {
    const body = yield* bodyOf(request)
    const namespace = namespaceOf(request.query)
    const known = cluster.acl.who(request.token ?? "")
    if ("denied" in known && !known.isUnknown) {
      return yield* refuse(500, `ACL token not found or invalid workload identity: ${known.denied}`)
    }
    yield* may(request, namespace, "parse-job", "submit-job")
    const text = textOf(body["JobHCL"])
    if (text === "") return yield* refuse(400, "Job spec is empty")
    const job = yield* Effect.try({
      try: () => parseJob(text, textOf(body["Variables"])),
      catch: (cause) => cause
    }).pipe(
      Effect.catch((cause) =>
        cause instanceof HclError
          ? refuse(400, `Failed to parse job: input.hcl: ${cause.message}`)
          : Effect.die(cause)
      )
    )
    const isCanonical = body["Canonicalize"] === true
    const { Namespace } = job
    return writeAnswer(0, isCanonical ? canonicalJob(job, textOf(Namespace, "default"), cluster.has) : job)
  })
