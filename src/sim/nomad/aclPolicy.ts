import { type HclBlock, HclError, parseHcl } from "./Hcl.ts"
import { asList } from "./Job.ts"
import { textOf } from "./Json.ts"

/** What the rules of a policy grant: capabilities by the names or globs they are for. */
export interface Grants {
  readonly namespaces: ReadonlyArray<Grant>
  readonly hostVolumes: ReadonlyArray<Grant>
  /** `read`, `write`, `deny` or `""`. */
  readonly agent: string
  readonly node: string
  readonly operator: string
}
export interface Grant {
  readonly name: string
  readonly capabilities: ReadonlyArray<string>
}

const read =
  `list-jobs parse-job read-job csi-list-volume csi-read-volume read-job-scaling list-scaling-policies
  read-scaling-policy host-volume-read`.split(/\s+/)
const write = `scale-job submit-job dispatch-job read-logs read-fs alloc-exec alloc-lifecycle csi-mount-volume
  csi-write-volume submit-recommendation host-volume-create`.split(/\s+/)
const scale = `list-scaling-policies read-scaling-policy read-job-scaling scale-job read-job
  submit-recommendation`.split(/\s+/)
/** Every other capability that `acl/policy.go` knows. */
const fine =
  `deny alloc-node-exec sentinel-override csi-register-plugin host-volume-register host-volume-write
  host-volume-delete register-job revert-job deregister-job purge-job evaluate-job plan-job tag-job-version stable-job
  fail-deployment pause-deployment promote-deployment unblock-deployment cancel-deployment
  set-alloc-health-deployment gc-allocation pause-allocation force-periodic-job
  delete-service-registration`.split(/\s+/)
/** Those that came with 1.11.2: before, a policy with one is refused. */
const since1112 = new Set(fine.filter((each) => !/^(?:deny|alloc-node-exec|sentinel-|csi-|host-)/.test(each)))
const known = new Set([...read, ...write, ...scale, ...fine])

const ofNamespace: Readonly<Record<string, ReadonlyArray<string>>> = {
  deny: ["deny"],
  read,
  write: [...read, ...write],
  scale
}
const ofVolume: Readonly<Record<string, ReadonlyArray<string>>> = {
  deny: ["deny"],
  read: ["mount-readonly"],
  write: ["mount-readonly", "mount-readwrite"]
}

const grantOf = (
  { labels, attributes, type }: HclBlock,
  expanded: Readonly<Record<string, ReadonlyArray<string>>>,
  isKnown: (capability: string) => boolean
): Grant => {
  const [name = ""] = labels
  const policy = textOf(attributes["policy"])
  const capabilities = asList(attributes["capabilities"]).map(String)
  if (!/^[a-zA-Z0-9-*]{1,128}$/.test(name))
    throw new HclError(`Invalid ${type.replace("_", " ")} name: ${name}`)
  if (policy !== "" && expanded[policy] === undefined) {
    throw new HclError(`Invalid ${type.replace("_", " ")} policy: ${name} ${policy}`)
  }
  const wrong = capabilities.find((each) => !isKnown(each))
  if (wrong !== undefined)
    throw new HclError(`Invalid ${type.replace("_", " ")} capability '${wrong}': ${name}`)
  return { name, capabilities: [...capabilities, ...(expanded[policy] ?? [])] }
}

/** Reads the rules of a policy, in HCL or JSON. Throws `HclError`. */
export const parsePolicy = (rules: string, fineCapabilities: boolean): Grants => {
  const { blocks, attributes } = parseHcl(rules)
  const of = (type: string) => blocks.filter((each) => each.type === type)
  const level = (type: string): string => {
    const policy = textOf(of(type)[0]?.attributes["policy"])
    if (!["", "read", "write", "deny", "list", "scale"].includes(policy)) {
      throw new HclError(`Invalid ${type} policy: ${policy}`)
    }
    return policy
  }
  const types = "namespace node_pool host_volume agent node operator sentinel quota plugin".split(" ")
  const extra = [
    ...Object.keys(attributes),
    ...blocks.map(({ type }) => type).filter((type) => !types.includes(type))
  ]
  if (extra.length > 0) throw new HclError(`Invalid or duplicate policy keys: ${extra.join(", ")}`)
  const isKnown = (capability: string) =>
    known.has(capability) && (fineCapabilities || !since1112.has(capability))
  return {
    namespaces: of("namespace").map((block) => grantOf(block, ofNamespace, isKnown)),
    hostVolumes: of("host_volume").map((block) =>
      grantOf(block, ofVolume, (each) => ["deny", "mount-readonly", "mount-readwrite"].includes(each))
    ),
    agent: level("agent"),
    node: level("node"),
    operator: level("operator")
  }
}
