import { Effect } from "effect"
import { type Asked, askedBy } from "./Asked.ts"
import type { Fault } from "./Fault.ts"
import { type Answer, type ApiRequest, isWrite, plainAnswer } from "./Http.ts"
import { isObject, type Json, parseJson, textOf } from "./Json.ts"
import type { Writer } from "./registerJob.ts"
import { route } from "./route.ts"

/** The connection is cut without an answer. */
export const cut = "cut"

/** Answers one request to Nomad's own paths, as the fault has it where one hits. */
export const answer = (
  writer: Writer,
  request: ApiRequest,
  fault: Fault | undefined
): Effect.Effect<Answer | typeof cut> => {
  const slow = fault?._tag === "SlowLog" ? { slowLog: fault.millis } : {}
  const { acl } = writer.cluster
  const asked = askedBy(acl, { ...request, ...slow, token: request.token || tokenInBody(request) })
  const routed = Effect.suspend(() => route(writer, asked)).pipe(
    Effect.catchTag("Refusal", ({ status, words }) => Effect.succeed(plainAnswer(status, words)))
  )
  const plain = request.taskApi === true ? ofTask(writer, asked, routed) : routed
  if (fault === undefined) return plain
  switch (fault._tag) {
    case "Answer":
      return Effect.succeed({
        ...plainAnswer(fault.status, fault.body ?? ""),
        headers: { ...plainAnswer(fault.status, "").headers, ...fault.headers }
      })
    case "TooManyConnections":
      return Effect.succeed({
        status: 429,
        headers: {
          "Content-Type": "text/plain",
          Connection: "close",
          ...(fault.retryAfter === undefined ? {} : { "Retry-After": String(fault.retryAfter) })
        },
        body: "Your IP is issuing too many concurrent connections, please rate limit your calls\n"
      })
    case "NoLeader":
      return request.query.has("stale")
        ? Effect.map(plain, leaderless)
        : Effect.succeed(plainAnswer(500, "No cluster leader")).pipe(Effect.delay(fault.hold ?? 5000))
    case "Drop":
      return fault.when === "before" ? Effect.succeed(cut) : Effect.as(plain, cut)
    case "Delay":
      return Effect.delay(plain, fault.millis)
    case "SlowLog":
      return plain
    case "RpcPrefix":
      return Effect.map(plain, (answered) =>
        answered.status === 500 ? { ...answered, body: `rpc error: ${answered.body}` } : answered
      )
  }
}

/** A stale read is answered by a server that knows of no leader. */
const leaderless = (answered: Answer): Answer =>
  answered.headers["X-Nomad-Knownleader"] === undefined
    ? answered
    : { ...answered, headers: { ...answered.headers, "X-Nomad-Knownleader": "false" } }

/** Of a write without a header the body's `SecretID` counts. */
const tokenInBody = ({ method, path, body }: ApiRequest): string => {
  if (!isWrite(method) || !path.startsWith("/v1/job") || !body.includes('"SecretID"')) return ""
  try {
    const value: Json = parseJson(body)
    return isObject(value) ? textOf(value["SecretID"]) : ""
  } catch {
    // What is no JSON is refused as such later.
    return ""
  }
}

/**
 * The Task API asks for a token before anything else, with ACLs off too: 401 without one, 403 for an unknown one,
 * 500 for what is no token of a living task (`nomad-api.md` §1.7).
 */
const ofTask = (
  { cluster: { acl } }: Writer,
  { token = "", query }: Asked,
  answered: Effect.Effect<Answer>
): Effect.Effect<Answer> =>
  Effect.suspend(() => {
    if (token === "") return Effect.succeed(plainAnswer(401, "Unauthorized"))
    const region = query.get("region") ?? ""
    const known = acl.who(token)
    if ((region !== "" && region !== "global") || ("denied" in known && !known.isUnknown)) {
      return Effect.succeed(plainAnswer(500, "Server error authenticating request\n"))
    }
    return "denied" in known ? Effect.succeed(plainAnswer(403, "Forbidden")) : answered
  })
