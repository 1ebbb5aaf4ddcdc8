import { type HclBlock, type HclBody, HclError, parseHcl, type Scope } from "./Hcl.ts"
import { isObject, type Json, type JsonObject, textOf } from "./Json.ts"
import { parseGoDuration } from "./time.ts"

/** Words of job files that are written differently in JSON. */
const renamed: Readonly<Record<string, string>> = {
  args: "Args",
  attribute: "LTarget",
  aud: "Audience",
  cpu: "CPU",
  cron: "Spec",
  crons: "Specs",
  dns: "DNS",
  id: "ID",
  max_file_size: "MaxFileSizeMB",
  mbits: "MBits",
  memory: "MemoryMB",
  memory_max: "MemoryMaxMB",
  operator: "Operand",
  port: "PortLabel",
  prohibit_overlap: "ProhibitOverlap",
  size: "SizeMB",
  source: "Source",
  ttl: "TTL",
  value: "RTarget"
}
/** Blocks of which there may be several, and their lists; those with a label are told apart by their name. */
const lists: Readonly<Record<string, string>> = {
  action: "Actions",
  affinity: "Affinities",
  artifact: "Artifacts",
  check: "Checks",
  constraint: "Constraints",
  device: "Devices",
  group: "TaskGroups",
  network: "Networks",
  service: "Services",
  spread: "Spreads",
  task: "Tasks",
  template: "Templates",
  volume_mount: "VolumeMounts"
}
const singles: Readonly<Record<string, string>> = {
  ephemeral_disk: "EphemeralDisk",
  logs: "LogConfig",
  parameterized: "ParameterizedJob",
  reschedule: "ReschedulePolicy",
  restart: "RestartPolicy",
  ui: "UI"
}
/** Maps of people's own: their keys stay as they are. */
const maps = new Set(["config", "env", "meta", "options", "header", "canary_meta"])
const durations =
  /^(?:stagger|min_healthy_time|healthy_deadline|progress_deadline|delay|max_delay|interval|kill_timeout|shutdown_delay|timeout|ttl|wait|lost_after|stop_after_client_disconnect|max_client_disconnect|max_run_duration)$/

function nulls(keys: string): JsonObject {
  return Object.fromEntries(keys.split(/\s+/).map((key) => [key, null]))
}

const camel = (word: string): string =>
  renamed[word] ??
  word
    .split("_")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("")

const valueOf = (key: string, value: Json | undefined): Json => {
  if (typeof value !== "string" || !durations.test(key)) return value ?? null
  const milliseconds = parseGoDuration(value)
  return milliseconds === null ? value : milliseconds * 1e6
}

/** What a block that is there has in the API's form, where the file says nothing. */
const unsaid: Readonly<Record<string, JsonObject>> = {
  job: nulls(`Affinities AllAtOnce Constraints ConsulNamespace CreateIndex Datacenters DispatchIdempotencyToken
    JobModifyIndex Meta Migrate ModifyIndex Multiregion Namespace NodePool NomadTokenID ParameterizedJob ParentID Payload
    Periodic Priority Region Reschedule Spreads Stable Status StatusDescription Stop SubmitTime TaskGroups Type UI Update
    VaultNamespace Version VersionTag`),
  group:
    nulls(`Affinities Constraints Consul Count Disconnect EphemeralDisk MaxClientDisconnect MaxRunDuration Meta
    Migrate Networks PreventRescheduleOnLost ReschedulePolicy RestartPolicy Scaling Services ShutdownDelay Spreads
    StopAfterClientDisconnect Tasks Update Volumes`),
  task: {
    ...nulls(`Actions Affinities Artifacts Config Constraints Consul DispatchPayload Env Identities Identity KillTimeout
      Lifecycle LogConfig Meta Resources RestartPolicy ScalingPolicies Schedule Secrets Services Templates Vault
      VolumeMounts`),
    KillSignal: "",
    Kind: "",
    Leader: false,
    ShutdownDelay: 0,
    User: ""
  },
  resources: nulls("CPU Cores Devices DiskMB IOPS MemoryMB MemoryMaxMB NUMA Networks SecretsMB")
}

/** `group "web"` has its label for a name, `port "http"` too; an identity without a name is the default one. */
const ofBlock = ({ type, labels, attributes, blocks }: HclBlock): JsonObject => {
  const [label] = labels
  const name = label === undefined ? {} : { Name: label }
  const own = Object.entries(attributes).map(([key, value]): readonly [string, Json] =>
    maps.has(key) ? [camel(key), value ?? null] : [camel(key), valueOf(key, value)]
  )
  const object: Record<string, Json> = {
    ...(unsaid[type] as Record<string, Json> | undefined),
    ...name,
    ...Object.fromEntries(own)
  }
  for (const block of blocks) add(object, block)
  if (type === "job") Object.assign(object, { Dispatched: false, ID: label ?? null })
  return object
}

const add = (object: Record<string, Json>, block: HclBlock): void => {
  const { type, labels, attributes } = block
  const push = (key: string, value: Json): void => {
    const known = object[key]
    object[key] = [...(Array.isArray(known) ? known : []), value]
  }
  const list = lists[type]
  if (list !== undefined) return push(list, ofBlock(block))
  if (type === "identity") {
    const isNamed = textOf(attributes["name"], "default") !== "default"
    return isNamed ? push("Identities", ofBlock(block)) : void (object["Identity"] = ofBlock(block))
  }
  if (type === "port" && object["Name"] === undefined) {
    const { to, static: fixed } = attributes
    const port = { Label: labels[0] ?? "", To: to ?? 0, Value: fixed ?? 0 }
    return push(fixed === undefined ? "DynamicPorts" : "ReservedPorts", port)
  }
  if (type === "volume") {
    const volumes = isObject(object["Volumes"]) ? object["Volumes"] : {}
    object["Volumes"] = { ...volumes, [labels[0] ?? ""]: ofBlock(block) }
    return
  }
  object[singles[type] ?? camel(type)] = maps.has(type) ? mapOf(block) : ofBlock(block)
}

/** A block within a map, such as `auth` in a driver's `config`, is a list of maps. */
const mapOf = ({ attributes, blocks }: HclBody): JsonObject => {
  const map: Record<string, Json> = { ...(attributes as Record<string, Json>) }
  for (const block of blocks) {
    const known = map[block.type]
    map[block.type] = [...(Array.isArray(known) ? known : []), mapOf(block)]
  }
  return map
}

/**
 * The job that a job file describes, as the JSON of the API. Variables have their defaults or what `variables`, the
 * text of a var-file, gives them. Of HCL2 it has no functions, no `for` and no `dynamic`. Throws `HclError`.
 */
export const parseJob = (text: string, variables: string): JsonObject => {
  const given = variables === "" ? {} : parseHcl(variables).attributes
  const outer = parseHcl(text, (path) => (path[0] === "var" || path[0] === "local" ? "" : typeName(path)))
  const defaults = Object.fromEntries(
    outer.blocks.flatMap(({ type, labels, attributes }) =>
      type === "variable" ? [[labels[0] ?? "", given[labels[0] ?? ""] ?? attributes["default"]]] : []
    )
  )
  const withVariables: Scope = ([root, name = ""]) =>
    root === "var" ? defaults[name] : typeName([root ?? ""])
  // Locals may name variables, so they are read with them, and the job with both.
  const locals = Object.assign(
    {},
    ...parseHcl(text, (path) => (path[0] === "local" ? "" : withVariables(path)))
      .blocks.filter(({ type }) => type === "locals")
      .map(({ attributes }) => attributes)
  ) as JsonObject
  const scope: Scope = (path) => (path[0] === "local" ? locals[path[1] ?? ""] : withVariables(path))
  const [job, ...more] = parseHcl(text, scope).blocks.filter(({ type }) => type === "job")
  if (job === undefined) throw new HclError('"job" block not found')
  if (more.length > 0) throw new HclError("Only one job block is allowed")
  return ofBlock(job)
}

/** `type = string` of a variable is no reference. */
const typeName = (path: ReadonlyArray<string>): Json | undefined =>
  path.length === 1 && /^(?:string|number|bool|any)$/.test(path[0] ?? "") ? (path[0] ?? "") : undefined
