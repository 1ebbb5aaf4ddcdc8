import { isFinished } from "./Allocation.ts"
import { type Grants, parsePolicy } from "./aclPolicy.ts"
import { groupOf, type Job, type Task } from "./Job.ts"
import { asList } from "./Job.ts"
import { isObject, type JsonObject, textOf } from "./Json.ts"
import { allRights, type Rights, rightsOf } from "./Rights.ts"
import type { State } from "./State.ts"
import type { Feature } from "./ServerVersion.ts"
import type { Nanos } from "./time.ts"
import { type Claims, makeIdentities } from "./WorkloadIdentity.ts"

/** A token as the servers store and show it. */
export interface AclToken extends JsonObject {
  readonly AccessorID: string
  readonly SecretID: string
  readonly Type: "client" | "management"
  readonly Policies: ReadonlyArray<string> | null
}

export interface AclPolicy {
  readonly json: JsonObject
  readonly grants: Grants
  /** The jobs whose tasks have it, by namespace, job, group and task, each of which may be left open. */
  readonly jobs: { readonly [K in "Namespace" | "JobID" | "Group" | "Task"]: string } | undefined
}

/** Who asks cannot be told: `isUnknown` is a token that is nobody's. */
export interface Denied {
  readonly denied: string
  readonly isUnknown: boolean
}

/** A JWT still counts this long after it has expired: seconds. */
const leeway = 60
const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/** Tokens, policies, and what they amount to. Without `enabled` everybody may do everything. */
export const makeAcl = (parts: {
  readonly enabled: boolean
  readonly state: State
  readonly now: () => Nanos
  readonly newId: () => string
  readonly has: (feature: Feature) => boolean
}) => {
  const { enabled, state, now, has } = parts
  const tokens = new Map<string, AclToken & { readonly expiresAt?: Nanos }>()
  const policies = new Map<string, AclPolicy>()
  const identities = makeIdentities()

  const granted = (names: ReadonlyArray<string>): ReadonlyArray<Grants> =>
    names.flatMap((name) => policies.get(name)?.grants ?? [])

  const ofTask = ({ allocation, task }: Claims): Rights | Denied => {
    const found = state.allocations.get(allocation)
    if (found === undefined) return { denied: "allocation does not exist", isUnknown: false }
    if (isFinished(found)) return { denied: "allocation is terminal", isUnknown: false }
    const isFor = ({ jobs }: AclPolicy): boolean => {
      if (jobs === undefined || jobs.Namespace !== found.Namespace) return false
      if (jobs.JobID === "") return has("namespacePolicies")
      if (jobs.JobID !== identityJob(found.Job)) return false
      return (jobs.Group === "" || jobs.Group === found.TaskGroup) && (jobs.Task === "" || jobs.Task === task)
    }
    return rightsOf(
      [...policies.values()].filter(isFor).map(({ grants }) => grants),
      ""
    )
  }

  /** What the holder of the token may do; `""` is nobody, who has what the policy `anonymous` grants. */
  const who = (token: string): Rights | Denied => {
    if (!enabled) return allRights()
    if (token === "") return rightsOf(granted(["anonymous"]), "")
    if (uuid.test(token)) {
      const found = [...tokens.values()].find(({ SecretID }) => SecretID === token)
      if (found === undefined) return { denied: "ACL token not found", isUnknown: true }
      if (found.expiresAt !== undefined && found.expiresAt <= now()) {
        return { denied: "ACL token expired", isUnknown: false }
      }
      return found.Type === "management"
        ? allRights(found.AccessorID)
        : rightsOf(granted(found.Policies ?? []), found.AccessorID)
    }
    const claims = identities.read(token)
    if (typeof claims === "string") return { denied: claims, isUnknown: false }
    if (claims.expiresAt !== undefined && Number(now() / 1_000_000_000n) > claims.expiresAt + leeway) {
      return {
        denied: "invalid claims: go-jose/go-jose/jwt: validation failed, token is expired (exp)",
        isUnknown: false
      }
    }
    return ofTask(claims)
  }

  /** The token that a task finds in its environment or file now: of its identity of that name, `default` is always there. */
  const tokenOf = (allocationId: string, taskName: string, name: string): string | undefined => {
    const allocation = state.allocations.get(allocationId)
    if (allocation === undefined) return undefined
    const task = groupOf(allocation.Job, allocation.TaskGroup)?.Tasks.find(({ Name }) => Name === taskName)
    const identity = task === undefined ? undefined : identityOf(task, name)
    if (identity === undefined) return undefined
    const issuedAt = Number(now() / 1_000_000_000n)
    const ttl = Number(identity["TTL"] ?? 0)
    return identities.mint({
      namespace: allocation.Namespace,
      job: identityJob(allocation.Job),
      group: allocation.TaskGroup,
      allocation: allocation.ID,
      task: taskName,
      name,
      audience: asList(identity["Audience"]).map(String),
      issuedAt,
      expiresAt: ttl > 0 ? issuedAt + Math.round(ttl / 1e9) : undefined,
      id: parts.newId()
    })
  }

  return {
    enabled,
    tokens,
    policies,
    who,
    tokenOf,
    /** Reads the rules of a policy; throws `HclError`. */
    read: (rules: string): Grants => parsePolicy(rules, has("fineCapabilities"))
  }
}
export type Acl = ReturnType<typeof makeAcl>

/** A child of a periodic or parameterized job is its parent's. */
const identityJob = (job: Job): string => textOf(job["ParentID"], job.ID)

const identityOf = (task: Task, name: string): JsonObject | undefined =>
  name === "default"
    ? isObject(task["Identity"])
      ? task["Identity"]
      : { Audience: ["nomadproject.io"] }
    : asList(task["Identities"])
        .filter(isObject)
        .find((each) => each["Name"] === name)
