import { Effect } from "effect"
import { type Asked, may } from "./Asked.ts"
import { type Answer, bodyOf, isWrite, invalidMethod, metadata, namespaceOf, writeAnswer } from "./Http.ts"
import { isObject, textOf } from "./Json.ts"
import { refuse, type Refusal } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"
import { registeredAnswer } from "./registerRoute.ts"
import { refuseWhileRejected } from "./registerJob.ts"
import { revert, scale, setStable, tag } from "./writeJobs.ts"

type Answering = Effect.Effect<Answer, Refusal>

export const revertRoute = (writer: Writer, request: Asked, id: string): Answering =>
  Effect.gen(function* () {
    const body = yield* bodyOf(request)
    if (!body["JobID"]) return yield* refuse(400, "JobID must be specified")
    if (body["JobID"] !== id) return yield* refuse(400, "Job ID does not match")
    const enforced = typeof body["EnforcePriorVersion"] === "number" ? body["EnforcePriorVersion"] : null
    const version = Number(body["JobVersion"] ?? 0)
    const namespace = namespaceOf(request.query)
    yield* may(request, namespace, "submit-job", "revert-job")
    const tokens = { vault: body["VaultToken"], consul: body["ConsulToken"] }
    return registeredAnswer(yield* revert(writer, namespace, id, version, enforced, tokens, request))
  })

export const scaleRoute = (writer: Writer, request: Asked, id: string): Answering =>
  Effect.gen(function* () {
    const body = yield* bodyOf(request)
    const target = isObject(body["Target"]) ? body["Target"] : {}
    const group = textOf(target["Group"])
    const namespace = namespaceOf(request.query)
    yield* may(request, namespace, "scale-job", "submit-job")
    yield* refuseWhileRejected(writer, request)
    const scaled = yield* scale(writer, namespace, id, group, body["Count"], textOf(body["Message"]))
    return writeAnswer(scaled.Index, { ...scaled, ...metadata, KnownLeader: true, Warnings: "" })
  })

export const tagRoute = (writer: Writer, request: Asked, rest: string): Answering =>
  Effect.gen(function* () {
    const parts = rest.split("/")
    const [id, versions, name] = parts
    if (parts.length !== 4 || id === undefined || versions !== "versions" || name === undefined) {
      return yield* refuse(404, "invalid job tag endpoint")
    }
    const namespace = namespaceOf(request.query)
    yield* may(request, namespace, "submit-job", "tag-job-version")
    if (request.method === "DELETE") {
      const gone = yield* tag(writer, namespace, id, name, undefined, "")
      return writeAnswer(Number(gone["Index"]), { ...gone, ...metadata })
    }
    if (!isWrite(request.method)) return yield* invalidMethod
    const body = yield* bodyOf(request)
    const version =
      body["Latest"] === true && writer.cluster.has("latestTag") ? "latest" : Number(body["Version"] ?? 0)
    const made = yield* tag(writer, namespace, id, name, version, textOf(body["Description"]))
    return writeAnswer(Number(made["Index"]), { ...made, ...metadata })
  })

/** `POST /v1/job/:id/stable`: on an old version it makes that one the current job (`nomad-api.md` T20). */
export const stableRoute = (writer: Writer, request: Asked, id: string): Answering =>
  Effect.gen(function* () {
    const body = yield* bodyOf(request)
    if (!body["JobID"]) return yield* refuse(400, "JobID must be specified")
    if (body["JobID"] !== id) return yield* refuse(400, "Job ID does not match")
    const namespace = namespaceOf(request.query)
    yield* may(request, namespace, "submit-job", "stable-job")
    const Index = yield* setStable(
      writer,
      namespace,
      id,
      Number(body["JobVersion"] ?? 0),
      body["Stable"] === true
    )
    return writeAnswer(Index, { Index })
  })
