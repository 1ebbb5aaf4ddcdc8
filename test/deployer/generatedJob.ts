import { Arbitrary, Schema } from "effect"
import { digestA, image, type Json } from "./jobs.ts"

/** What a task may run: ours in every form that a job may have it in, and images that are not ours. */
const ours = [
  image,
  `${image}:1.2.3`,
  `${image}@${digestA}`,
  `${image}:1.2.3@${digestA}`,
  `https://${image}:1.2.3`
]
const others = ["redis:7", `${image}-other:1.2.3`, `other.example.com/team/api:1`, "${meta.image}"]
export const isOurs = (of: unknown): boolean => ours.some((each) => each === of)

// Nothing of it is like another value of the job, so that a change of any is seen.
const text = Schema.String
/** Of a block that nobody looks into. */
const value = Schema.Union([
  Schema.Null,
  text,
  Schema.Finite,
  Schema.Boolean,
  Schema.Array(text),
  Schema.Record(text, text)
])
const anything = Schema.Struct({ a: value, "": Schema.optionalKey(value) })
const texts = Schema.Struct({ a: text, "b.c": Schema.optionalKey(text) })
// Nomad keeps no empty list apart from none.
const list = <S extends Schema.Constraint>(item: S) =>
  Schema.NullOr(Schema.Array(item).check(Schema.isMinLength(1), Schema.isMaxLength(3)))
const object = <S extends Schema.Constraint>(value: S) => Schema.NullOr(value)
/** Nanoseconds: none, a second, and more than a double has exactly. */
const duration = Schema.Literals([0, 1e9, 200 * 86_400e9])
const optionalKeys = <F extends Schema.Struct.Fields>(fields: F) =>
  Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, Schema.optionalKey(field)])) as {
    readonly [K in keyof F]: Schema.optionalKey<F[K]>
  }
const optional = <F extends Schema.Struct.Fields>(fields: F) => Schema.Struct(optionalKeys(fields))

/** Those that a server appends are among them. */
const Constraint = Schema.Struct({
  LTarget: Schema.Literals(["${attr.kernel.name}", "${attr.nomad.version}", "${attr.consul.partition}"]),
  Operand: Schema.Literals(["=", "semver"]),
  RTarget: Schema.Literals(["linux", ">= 1.7.0-a", "p"])
})
const Consul = optional({ Namespace: text, Partition: Schema.Literals(["", "p"]) })
const Identity = Schema.Struct({ Name: text, Audience: list(text), TTL: duration })
const Service = Schema.Struct({
  Name: text,
  Provider: Schema.Literals(["nomad", "consul"]),
  Tags: list(text),
  Identity: object(Identity),
  Checks: list(anything),
  Connect: object(anything)
})

const taskKeys = {
  Actions: list(anything),
  Affinities: list(anything),
  Artifacts: list(Schema.Struct({ GetterSource: text, GetterOptions: object(texts) })),
  CSIPluginConfig: object(anything),
  Constraints: list(Constraint),
  Consul: object(Consul),
  DispatchPayload: object(anything),
  Driver: Schema.Literals(["docker", "podman", "exec"]),
  Env: object(texts),
  Identities: list(Identity),
  Identity: object(optional({ Env: Schema.Boolean, File: Schema.Boolean })),
  KillSignal: text,
  KillTimeout: Schema.Literals([1e9, 5e9]),
  Kind: Schema.Literals([
    "",
    "connect-proxy:api",
    "connect-ingress:api",
    "connect-terminating:x",
    "connect-mesh:y"
  ]),
  Leader: Schema.Boolean,
  Lifecycle: object(anything),
  LogConfig: object(optional({ Disabled: Schema.Boolean, MaxFiles: Schema.Literals([1, 10]) })),
  Meta: object(texts),
  Resources: object(optional({ CPU: Schema.Literals([20, 100]), MemoryMaxMB: Schema.Literals([0, 512]) })),
  RestartPolicy: object(
    optional({ Attempts: Schema.Literals([0, 3]), Mode: Schema.Literals(["fail", "delay"]) })
  ),
  ScalingPolicies: list(anything),
  Schedule: object(anything),
  Secrets: list(anything),
  Services: list(Service),
  ShutdownDelay: duration,
  Templates: list(anything),
  User: text,
  Vault: object(anything),
  VolumeMounts: list(anything)
}
const Task = Schema.Struct({
  ...optionalKeys(taskKeys),
  Config: Schema.Struct({
    image: Schema.Literals([...ours, ...ours, ...others]),
    rest: anything
  })
})

const groupKeys = {
  Affinities: list(anything),
  Constraints: list(Constraint),
  Consul: object(Consul),
  Count: Schema.Literals([0, 1]),
  Disconnect: object(anything),
  EphemeralDisk: object(optional({ Sticky: Schema.Boolean, SizeMB: Schema.Literals([100, 300]) })),
  MaxClientDisconnect: Schema.NullOr(duration),
  MaxRunDuration: Schema.NullOr(duration),
  Meta: object(texts),
  Migrate: object(optional({ MaxParallel: Schema.Literals([1, 2]) })),
  Networks: list(anything),
  PreventRescheduleOnLost: Schema.Boolean,
  ReschedulePolicy: object(optional({ Attempts: Schema.Literals([0, 2]), Unlimited: Schema.Boolean })),
  RestartPolicy: object(optional({ Attempts: Schema.Literals([0, 2]) })),
  // One that a server takes: it fits the count.
  Scaling: object(
    Schema.Struct({
      Min: Schema.Literal(0),
      Max: Schema.Literal(3),
      Enabled: Schema.Boolean,
      Policy: object(anything)
    })
  ),
  Services: list(Service),
  ShutdownDelay: Schema.NullOr(duration),
  Spreads: list(anything),
  StopAfterClientDisconnect: Schema.NullOr(duration),
  Update: object(optional({ MaxParallel: Schema.Literals([0, 1]), AutoRevert: Schema.Boolean })),
  Volumes: object(Schema.Struct({ data: anything }))
}
const Group = Schema.Struct({
  ...optionalKeys(groupKeys),
  Tasks: Schema.Array(Task).check(Schema.isMinLength(1), Schema.isMaxLength(3))
})

const jobKeys = {
  Affinities: list(anything),
  AllAtOnce: Schema.Boolean,
  Constraints: list(Constraint),
  Datacenters: list(Schema.Literals(["dc1", "dc2"])),
  Meta: object(texts),
  Name: text,
  NodePool: Schema.Literals(["default", "all"]),
  Priority: Schema.Literals([1, 50, 100]),
  Spreads: list(anything),
  UI: object(Schema.Struct({ Description: text, Links: list(Schema.Struct({ Label: text, URL: text })) })),
  Update: object(optional({ MaxParallel: Schema.Literals([0, 2]), Stagger: Schema.Literals([1e9, 30e9]) })),
  VaultNamespace: text,
  VersionTag: object(Schema.Struct({ Name: text, Description: text, TaggedTime: Schema.Literals([1.7e18]) }))
}
const Job = Schema.Struct({
  ...optionalKeys(jobKeys),
  Type: Schema.Literals(["service", "service", "batch", "system", "sysbatch"]),
  Namespace: Schema.Literals(["default", "team a"]),
  idEnds: Schema.Literals(["", "/b", "%2F", "ü?"]),
  parent: Schema.Literals(["", "Periodic", "ParameterizedJob"]),
  unfit: Schema.Literals(["", "", "", "", "", "", "", "Stop", "Multiregion"]),
  TaskGroups: Schema.Array(Group).check(Schema.isMinLength(1), Schema.isMaxLength(3))
})

const words = (text: string): ReadonlyArray<string> => text.trim().split(/\s+/)

/** Keys of `nomad-api.md` §2.1 by where they stand. */
export const listed = {
  job: words(`
    Stop Region Namespace ID ParentID Name Type Priority AllAtOnce Datacenters NodePool Constraints Affinities Spreads
    TaskGroups Update Multiregion Periodic ParameterizedJob Dispatched DispatchIdempotencyToken Payload Meta
    ConsulNamespace VaultNamespace NomadTokenID Status StatusDescription Stable Version SubmitTime CreateIndex
    ModifyIndex JobModifyIndex UI VersionTag`),
  group: words(`
    Name Count Update Migrate Constraints Scaling RestartPolicy ReschedulePolicy Disconnect EphemeralDisk Meta
    Affinities Spreads Networks Consul Services Volumes ShutdownDelay MaxRunDuration Tasks MaxClientDisconnect
    PreventRescheduleOnLost StopAfterClientDisconnect`),
  task: words(`
    Name Driver User Config Env Services Vault Secrets Consul Templates Constraints Affinities Resources RestartPolicy
    DispatchPayload Lifecycle Meta KillTimeout LogConfig Artifacts Leader ShutdownDelay VolumeMounts KillSignal Kind
    CSIPluginConfig Identity Identities Actions Schedule ScalingPolicies`)
}

/** The server's own: a register brings no value for them (`nomad-api.md` §2.3), but they stand in the job that is read. */
export const serversOwn = new Set(
  words(`
    ParentID Dispatched DispatchIdempotencyToken Payload ConsulNamespace NomadTokenID Status StatusDescription Stable
    Version SubmitTime CreateIndex ModifyIndex JobModifyIndex`)
)

const isRunToEnd = (type: string): boolean => type === "batch" || type === "sysbatch"

/** What Nomad's validators refuse of a type is left out (`nomad-api.md` §3.3). */
const groupOf = (type: string, group: (typeof Job.Type)["TaskGroups"][number], at: number): Json => {
  const { Update, Migrate, ReschedulePolicy, Tasks, ...rest } = group
  return {
    ...rest,
    Name: `g${at}`,
    ...(Update !== undefined && !isRunToEnd(type) && { Update }),
    ...(Migrate !== undefined && type === "service" && { Migrate }),
    ...(ReschedulePolicy !== undefined && !type.startsWith("sys") && { ReschedulePolicy }),
    Tasks: Tasks.map(({ Config, ...task }, index) => ({
      Driver: "docker",
      ...task,
      Name: `t${index}`,
      Config: { ...Config.rest, image: Config.image }
    }))
  }
}

const jobOf = (given: typeof Job.Type): Json & { readonly idEnds: string } => {
  const { TaskGroups, parent, unfit, Update, ...rest } = given
  const isParent = parent !== "" && isRunToEnd(given.Type)
  return {
    ...rest,
    ...(Update !== undefined && !isRunToEnd(given.Type) && { Update }),
    ...(unfit === "Stop" && { Stop: true }),
    ...(unfit === "Multiregion" && { Multiregion: { Regions: [{ Name: "eu" }] } }),
    ...(isParent && parent === "Periodic" && { Periodic: { Specs: ["0 0 1 1 *"] } }),
    ...(isParent && parent === "ParameterizedJob" && { ParameterizedJob: { Payload: "optional" } }),
    TaskGroups: TaskGroups.map((group, at) => groupOf(given.Type, group, at))
  }
}

/** Jobs that Nomad takes, with every key that a register may bring; without `ID`. */
export const generatedJob = Arbitrary.map(Arbitrary.schema(Job), jobOf)
