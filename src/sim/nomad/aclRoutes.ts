import { Effect } from "effect"
import type { Acl, AclPolicy, AclToken } from "./Acl.ts"
import { type Asked, manage } from "./Asked.ts"
import { HclError } from "./Hcl.ts"
import { type Answer, bodyOf, emptyAnswer, invalidMethod, isWrite, read, writeAnswer } from "./Http.ts"
import { asList } from "./Job.ts"
import { isObject, type Json, type JsonObject, textOf } from "./Json.ts"
import { multiError, Refusal, refuse } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"
import { parseGoDuration, rfc3339, type Nanos } from "./time.ts"

type Answering = Effect.Effect<Answer, Refusal>

/** `/v1/acl/…`: bootstrap, policies and tokens. */
export const aclRoute = (writer: Writer, request: Asked): Answering => {
  const { cluster } = writer
  const { method, path } = request
  if (!cluster.acl.enabled) {
    return path === "/v1/acl/token/self" && method === "GET"
      ? read(cluster, request.query, () => ({ index: 0, body: nobodysToken }))
      : refuse(400, "ACL support disabled")
  }
  const under = path.slice("/v1/acl/".length)
  if (under === "bootstrap") return isWrite(method) ? bootstrap(writer) : invalidMethod
  if (under === "policies" || under === "tokens") {
    if (method !== "GET") return invalidMethod
    const list = under === "policies" ? policyStubs(cluster.acl) : tokenStubs(cluster.acl)
    return Effect.andThen(manage(request), () =>
      read(cluster, request.query, () => ({ index: cluster.state.index, body: list }))
    )
  }
  if (under.startsWith("policy/")) return policyRoute(writer, request, under.slice("policy/".length))
  if (under === "token" || under.startsWith("token/")) {
    return tokenRoute(writer, request, under.slice("token/".length))
  }
  return refuse(404, "")
}

/** Everybody's, with ACLs off. It has the one unset time that is not null. */
const nobodysToken: JsonObject = {
  AccessorID: "acls-disabled",
  CreateIndex: 0,
  CreateTime: "0001-01-01T00:00:00Z",
  ExpirationTTL: "",
  ExpirationTime: null,
  Global: false,
  Hash: null,
  ModifyIndex: 0,
  Name: "ACLs disabled token",
  Policies: null,
  Roles: null,
  SecretID: "",
  Type: "client"
}

const commit = (writer: Writer, write: () => void): number => {
  const { state } = writer.cluster
  state.commit(undefined, write)
  return state.index
}

const policyStubs = ({ policies }: Acl): Json =>
  [...policies.values()].map(({ json }) => ({ ...json, Rules: undefined }))
const tokenStubs = ({ tokens }: Acl): Json =>
  [...tokens.values()].map((token) => ({ ...withoutClock(token), SecretID: undefined }))

const bootstrap = (writer: Writer): Answering =>
  Effect.suspend(() => {
    const { acl } = writer.cluster
    if ([...acl.tokens.values()].some(({ Type }) => Type === "management")) {
      return refuse(400, `ACL bootstrap already done (reset index: ${writer.cluster.state.index})`)
    }
    const made = newToken(writer, { Name: "Bootstrap Token", Type: "management", Global: true })
    return Effect.succeed(writeAnswer(writer.cluster.state.index, made))
  })

/** Stores a token of these fields. */
export const newToken = (
  writer: Pick<Writer, "cluster">,
  fields: JsonObject,
  expiresAt?: Nanos
): AclToken => {
  const { state, acl, newId } = writer.cluster
  return state.commit(undefined, (index, now) => {
    const token: AclToken & { readonly expiresAt?: Nanos } = {
      AccessorID: newId(),
      SecretID: newId(),
      Name: "",
      Policies: null,
      Roles: null,
      Global: false,
      Hash: null,
      ExpirationTTL: "",
      ...fields,
      Type: fields["Type"] === "management" ? "management" : "client",
      CreateTime: rfc3339(now),
      ExpirationTime: rfc3339(expiresAt ?? null),
      CreateIndex: index,
      ModifyIndex: index
    }
    acl.tokens.set(token.AccessorID, expiresAt === undefined ? token : { ...token, expiresAt })
    return token
  })
}

const policyRoute = (writer: Writer, request: Asked, name: string): Answering =>
  Effect.gen(function* () {
    const { acl, state } = writer.cluster
    if (name === "") return yield* refuse(400, "Missing Policy Name")
    if (request.method === "GET") {
      yield* manage(request)
      return yield* read(writer.cluster, request.query, () => {
        const found = acl.policies.get(name)
        return found === undefined
          ? { index: state.index, missing: "ACL policy not found" }
          : { index: state.index, body: found.json }
      })
    }
    if (request.method === "DELETE") {
      yield* manage(request)
      return emptyAnswer(commit(writer, () => acl.policies.delete(name)))
    }
    if (!isWrite(request.method)) return yield* invalidMethod
    const body = yield* bodyOf(request)
    if (body["Name"] !== name) return yield* refuse(400, "ACL policy name does not match request path")
    yield* manage(request)
    const policy = yield* policyOf(acl, body)
    const index = commit(writer, () => {
      const indexes = { CreateIndex: state.index, ModifyIndex: state.index }
      acl.policies.set(name, { ...policy, json: { ...policy.json, ...indexes } })
    })
    return emptyAnswer(index)
  })

const policyOf = (acl: Acl, body: JsonObject): Effect.Effect<AclPolicy, Refusal> =>
  Effect.gen(function* () {
    const bound = isObject(body["JobACL"]) ? body["JobACL"] : undefined
    const part = (key: string) => textOf(bound?.[key])
    const jobs = {
      Namespace: part("Namespace"),
      JobID: part("JobID"),
      Group: part("Group"),
      Task: part("Task")
    }
    const errors: Array<string> = []
    const grants = yield* Effect.try({
      try: () => acl.read(textOf(body["Rules"])),
      catch: (cause) => cause
    }).pipe(
      Effect.catch((cause) =>
        cause instanceof HclError
          ? Effect.sync(() => {
              errors.push(`failed to parse rules: ${cause.message}`)
              return undefined
            })
          : Effect.die(cause)
      )
    )
    if (jobs.JobID !== "" && jobs.Namespace === "") errors.push("namespace must be set to set job ID")
    if (jobs.Group !== "" && jobs.JobID === "") errors.push("job ID must be set to set group")
    if (jobs.Task !== "" && jobs.Group === "") errors.push("group must be set to set task")
    if (grants === undefined || errors.length > 0) {
      return yield* refuse(400, `policy 0 invalid: ${multiError(errors)}`)
    }
    const json = {
      Name: textOf(body["Name"]),
      Description: textOf(body["Description"]),
      Rules: textOf(body["Rules"]),
      JobACL: bound === undefined ? null : jobs,
      Hash: null
    }
    return { json, grants, jobs: bound === undefined ? undefined : jobs }
  })

const tokenRoute = (writer: Writer, request: Asked, accessor: string): Answering =>
  Effect.gen(function* () {
    const { acl, state } = writer.cluster
    if (accessor === "self") {
      const rights = yield* request.who
      const own = acl.tokens.get(rights.accessor)
      return own === undefined
        ? yield* refuse(404, "ACL token not found")
        : yield* read(writer.cluster, request.query, () => ({ index: state.index, body: withoutClock(own) }))
    }
    if (request.method === "GET") {
      yield* manage(request)
      const found = acl.tokens.get(accessor)
      return yield* read(writer.cluster, request.query, () =>
        found === undefined
          ? { index: state.index, missing: "ACL token not found" }
          : { index: state.index, body: withoutClock(found) }
      )
    }
    if (request.method === "DELETE") {
      yield* manage(request)
      if (!acl.tokens.has(accessor)) return yield* refuse(404, `tokens not found: ${accessor}`)
      return emptyAnswer(commit(writer, () => acl.tokens.delete(accessor)))
    }
    if (!isWrite(request.method)) return yield* invalidMethod
    const body = yield* bodyOf(request)
    yield* manage(request)
    const isManagement = body["Type"] === "management"
    const names = asList(body["Policies"]).map(String)
    if (body["Type"] !== "client" && !isManagement) {
      return yield* refuse(400, "token 0 invalid: token type must be client or management")
    }
    if (!isManagement && names.length === 0) {
      return yield* refuse(400, "token 0 invalid: client token missing policies or roles")
    }
    const ttl = parseGoDuration(textOf(body["ExpirationTTL"], "0")) ?? 0
    const expiresAt = ttl > 0 ? writer.cluster.now() + BigInt(ttl * 1e6) : undefined
    const { Name, Type } = body
    const made = newToken(
      writer,
      { Name: textOf(Name), Type, Policies: isManagement ? null : names },
      expiresAt
    )
    return writeAnswer(state.index, withoutClock(made))
  })

/** The clock of an expiry is the simulator's own. */
const withoutClock = (token: AclToken & { readonly expiresAt?: Nanos }): JsonObject => ({
  ...(token as JsonObject),
  expiresAt: undefined
})
