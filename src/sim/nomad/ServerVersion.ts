/** Since which server version Nomad does a thing in the way that the simulator has by default (`nomad-api.md` §0.1). */
const firstWith = {
  /** The source that is sent with a register is kept, and read under `/submission`. */
  submissions: "1.6.0",
  /** A task or service with an identity of its own adds its constraint to the group (T5). */
  identityConstraint: "1.7.0",
  /** `/v1/jobs/statuses`. */
  statuses: "1.8.0",
  /** The job's `UI` block; before, it is no key of a job. */
  ui: "1.8.0",
  versionTags: "1.9.0",
  /** The docker driver pulls `tag@digest` by its digest; before, by its tag, and fails where that has moved. */
  pullsDigest: "1.9.7",
  /** A register needs no Vault or Consul token, and the job has no keys for them. */
  noSubmitterTokens: "1.10.0",
  /** A policy may be bound to all jobs of a namespace. */
  namespacePolicies: "1.10.2",
  /** System jobs have deployments, and an update strategy by default. */
  systemDeployments: "1.11.0",
  preserveResources: "1.11.0",
  /** `register-job`, `plan-job` and the like; before, only `submit-job`. */
  fineCapabilities: "1.11.2",
  /** The event stream answers 200 before it looks at the token; before, a refusal is a 403. */
  hijackedStream: "1.11.2",
  /** `Version` in a register's job counts; before, it is taken for 0. */
  postedVersion: "2.0.0",
  /** Check-and-set is looked at again when the log is applied; before, what came in between is written over. */
  atomicCas: "2.0.1",
  /** `Latest` for version tags; before, a tag without `Version` is on version 0. */
  latestTag: "2.0.1",
  /** Pausing and resuming move the progress deadline, and a paused deployment never fails by it. */
  pauseMovesDeadline: "2.0.1",
  /** Plan takes the token of a workload identity; before, it is 500. */
  identityPlans: "2.0.4",
  /** An evaluation never names a deployment that a refused plan would have made. */
  onlyStoredDeployments: "2.0.5"
} as const

export type Feature = keyof typeof firstWith

/** The newest, and what a simulator is unless said. */
export const newestVersion = "2.0.6"

const numbers = (version: string): ReadonlyArray<number> => version.split(".").map(Number)

const isAtLeast = (version: string, least: string): boolean => {
  const [a, b] = [numbers(version), numbers(least)]
  const at = [0, 1, 2].find((part) => a[part] !== b[part])
  return at === undefined || (a[at] ?? 0) > (b[at] ?? 0)
}

/** Whether a server of that version has each feature; `undefined` for what is no `MAJOR.MINOR.PATCH`. */
export const featuresOf = (version: string): ((feature: Feature) => boolean) | undefined => {
  if (!/^\d+\.\d+\.\d+$/.test(version)) return undefined
  return (feature) => isAtLeast(version, firstWith[feature])
}
