import type { Job, RestartPolicy, TaskGroup, UpdateStrategy } from "./Job.ts"
import { asList } from "./Job.ts"
import type { Cluster } from "./Cluster.ts"
import { canonicalScaling } from "./scaling.ts"
import { isNothing, isObject, type Json, type JsonObject, textOf } from "./Json.ts"

const second = 1e9
const minute = 60 * second

/** `given` over `defaults`, key by key; `null` and absent mean the default, keys that Nomad does not know are dropped. */
const fill = <A extends JsonObject>(defaults: A, given: Json | undefined): A => {
  const object = isObject(given) ? given : {}
  return Object.fromEntries(
    Object.entries(defaults).map(([key, value]) => [key, object[key] ?? value])
  ) as unknown as A
}

/** Lists and maps that are empty are stored as null. */
const orNull = <A extends JsonObject>(object: A): A =>
  Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, isNothing(value, key) ? null : value])
  ) as unknown as A

const defaultUpdate: UpdateStrategy = {
  AutoPromote: false,
  AutoRevert: false,
  Canary: 0,
  HealthCheck: "checks",
  HealthyDeadline: 5 * minute,
  MaxParallel: 1,
  MinHealthyTime: 10 * second,
  ProgressDeadline: 10 * minute,
  Stagger: 30 * second
}
const noUpdate: UpdateStrategy = {
  ...defaultUpdate,
  HealthCheck: "",
  HealthyDeadline: 0,
  MaxParallel: 0,
  MinHealthyTime: 0,
  ProgressDeadline: 0,
  Stagger: 0
}
const serviceRestarts: RestartPolicy = {
  Attempts: 2,
  Delay: 15 * second,
  Interval: 30 * minute,
  Mode: "fail",
  RenderTemplates: false
}
const batchRestarts: RestartPolicy = { ...serviceRestarts, Attempts: 3, Interval: 24 * 60 * minute }
const serviceReschedules = {
  Attempts: 0,
  Delay: 30 * second,
  DelayFunction: "exponential",
  Interval: 0,
  MaxDelay: 60 * minute,
  Unlimited: true
}
const batchReschedules = {
  Attempts: 1,
  Delay: 5 * second,
  DelayFunction: "constant",
  Interval: 24 * 60 * minute,
  MaxDelay: 0,
  Unlimited: false
}
const defaultMigrate = {
  HealthCheck: "checks",
  HealthyDeadline: 5 * minute,
  MaxParallel: 1,
  MinHealthyTime: 10 * second
}
const defaultPeriodic = {
  Enabled: true,
  ProhibitOverlap: false,
  Spec: "",
  SpecType: "cron",
  Specs: [],
  TimeZone: "UTC"
}
const defaultIdentity = {
  Audience: ["nomadproject.io"],
  ChangeMode: "",
  ChangeSignal: "",
  Env: false,
  ExtraClaims: null,
  File: false,
  Filepath: "",
  Name: "default",
  ServiceName: "",
  TTL: 0
}

/** Nomad's default of a resource that is left out depends on whether cores were asked for. */
const resources = (given: Json | undefined): JsonObject => {
  const cores = isObject(given) ? Number(given["Cores"] ?? 0) : 0
  const base = { Cores: 0, Devices: null, DiskMB: 0, IOPS: 0, MemoryMaxMB: 0, NUMA: null, SecretsMB: 0 }
  return orNull(fill({ ...base, CPU: cores > 0 ? 0 : 100, MemoryMB: 300, Networks: null }, given))
}

const task = (given: Json, restarts: RestartPolicy): JsonObject => {
  const defaults = {
    Actions: null,
    Affinities: null,
    Artifacts: null,
    CSIPluginConfig: null,
    Config: null,
    Constraints: null,
    Consul: null,
    DispatchPayload: null,
    Driver: "",
    Env: null,
    Identities: null,
    KillSignal: "",
    KillTimeout: 5 * second,
    Kind: "",
    Leader: false,
    Lifecycle: null,
    Meta: null,
    Name: "",
    ScalingPolicies: null,
    Schedule: null,
    Secrets: null,
    Services: null,
    ShutdownDelay: 0,
    Templates: null,
    User: "",
    Vault: null,
    VolumeMounts: null
  }
  const object = isObject(given) ? given : {}
  const filled = orNull(fill(defaults, object))
  return {
    ...filled,
    Constraints: withPartition(filled["Constraints"], filled["Consul"]),
    Identity: fill(defaultIdentity, object["Identity"]),
    LogConfig: fill({ Disabled: false, MaxFileSizeMB: 10, MaxFiles: 10 }, object["LogConfig"]),
    Resources: resources(object["Resources"]),
    RestartPolicy: fill(restarts, object["RestartPolicy"])
  }
}

/** Added anew on every register, however often they stand there already (`nomad-api.md` trap T5). */
const withPartition = (constraints: Json | undefined, consul: Json | undefined): Json => {
  const partition = isObject(consul) ? textOf(consul["Partition"]) : ""
  if (partition === "") return constraints ?? null
  const constraint = { LTarget: "${attr.consul.partition}", Operand: "=", RTarget: partition }
  return [...asList(constraints), constraint]
}
const identityConstraint = {
  LTarget: "${attr.nomad.version}",
  Operand: "semver",
  RTarget: ">= 1.7.0-a"
}
const hasNamedIdentity = (tasks: ReadonlyArray<JsonObject>, services: Json | undefined): boolean =>
  tasks.some((given) => asList(given["Identities"]).length > 0 || withIdentity(given["Services"])) ||
  withIdentity(services)
const withIdentity = (services: Json | undefined): boolean =>
  asList(services).some((service) => isObject(service) && isObject(service["Identity"]))

const group = (
  given: Json,
  type: string,
  jobUpdate: UpdateStrategy | null,
  has: Cluster["has"]
): JsonObject => {
  const isBatch = type === "batch" || type === "sysbatch"
  const defaults = {
    Affinities: null,
    Constraints: null,
    Consul: null,
    Disconnect: null,
    MaxClientDisconnect: null,
    MaxRunDuration: null,
    Meta: null,
    Name: "",
    Networks: null,
    PreventRescheduleOnLost: false,
    Scaling: null,
    Services: null,
    ShutdownDelay: null,
    Spreads: null,
    StopAfterClientDisconnect: null,
    Volumes: null
  }
  const object = isObject(given) ? given : {}
  const scaling = object["Scaling"]
  const count = object["Count"] ?? (isObject(scaling) ? scaling["Min"] : undefined) ?? 1
  const restarts = fill(isBatch ? batchRestarts : serviceRestarts, object["RestartPolicy"])
  const tasks = asList(object["Tasks"]).map((each) => task(each, restarts))
  const reschedules =
    type === "system" || type === "sysbatch"
      ? (object["ReschedulePolicy"] ?? null)
      : fill(isBatch ? batchReschedules : serviceReschedules, object["ReschedulePolicy"])
  const update = isObject(object["Update"]) ? fill(jobUpdate ?? defaultUpdate, object["Update"]) : jobUpdate
  const filled = orNull(fill(defaults, object))
  const constraints = withPartition(filled["Constraints"], filled["Consul"])
  return {
    ...filled,
    Constraints:
      has("identityConstraint") && hasNamedIdentity(tasks, filled["Services"])
        ? [...asList(constraints), identityConstraint]
        : constraints,
    Count: count,
    EphemeralDisk: fill({ Migrate: false, SizeMB: 300, Sticky: false }, object["EphemeralDisk"]),
    Migrate:
      type === "service" || isObject(object["Migrate"]) ? fill(defaultMigrate, object["Migrate"]) : null,
    ReschedulePolicy: reschedules,
    RestartPolicy: restarts,
    Scaling: isObject(scaling) ? canonicalScaling(scaling, { count: Number(count) }) : null,
    Tasks: tasks,
    Update: update
  }
}

/**
 * The job of a register body as Nomad would store it, before the server's own fields (indexes, version,
 * status) are set: defaults filled in, the group's update strategy merged (`nomad-api.md` §2.3).
 */
export const canonicalJob = (given: JsonObject, namespace: string, has: Cluster["has"] = () => true): Job => {
  const defaults = {
    Affinities: null,
    AllAtOnce: false,
    Constraints: null,
    Meta: null,
    Multiregion: null,
    NodePool: "default",
    ParameterizedJob: null,
    Payload: null,
    Priority: 50,
    Region: "global",
    Spreads: null,
    Stop: false,
    Type: "service",
    UI: null,
    VaultNamespace: "",
    VersionTag: null
  }
  const filled = fill(defaults, {
    ...given,
    ...(has("ui") ? {} : { UI: null }),
    ...(has("versionTags") ? {} : { VersionTag: null })
  })
  const type = filled.Type
  const hasDeployments = type === "service" || (type === "system" && has("systemDeployments"))
  const jobUpdate = isObject(given["Update"])
    ? fill(defaultUpdate, given["Update"])
    : hasDeployments
      ? defaultUpdate
      : null
  // A stored job has a zero Update strategy wherever its groups have none of it: that is no strategy to inherit.
  const inherited = jobUpdate === null || isZero(jobUpdate) ? null : jobUpdate
  const id = textOf(given["ID"])
  const groups = asList(given["TaskGroups"]).map((each) => group(each, type, inherited, has))
  return {
    ...orNull(filled),
    // Never stored: it is blanked before.
    ...(has("noSubmitterTokens") ? {} : { ConsulToken: "", VaultToken: "" }),
    ConsulNamespace: "",
    CreateIndex: 0,
    Datacenters: asList(given["Datacenters"]).length === 0 ? ["*"] : asList(given["Datacenters"]).map(String),
    DispatchIdempotencyToken: "",
    Dispatched: false,
    ID: id,
    JobModifyIndex: 0,
    ModifyIndex: 0,
    Name: typeof given["Name"] === "string" && given["Name"] !== "" ? given["Name"] : id,
    Namespace: namespace,
    NomadTokenID: "",
    ParentID: "",
    Periodic: isObject(given["Periodic"]) ? fill(defaultPeriodic, given["Periodic"]) : null,
    Stable: false,
    Status: "pending",
    StatusDescription: "",
    SubmitTime: 0n,
    TaskGroups: groups as unknown as ReadonlyArray<TaskGroup>,
    // Of a job that is replaced all at once nothing is kept but in its groups.
    Update:
      jobUpdate === null || jobUpdate.MaxParallel === 0
        ? noUpdate
        : { ...noUpdate, MaxParallel: jobUpdate.MaxParallel, Stagger: jobUpdate.Stagger },
    Version: has("postedVersion") ? Number(given["Version"] ?? 0) : 0
  } as unknown as Job
}

const isZero = (update: UpdateStrategy): boolean =>
  Object.values(update).every((value) => value === 0 || value === "" || value === false)
