import type { Cluster } from "./Cluster.ts"
import { asList, type Job } from "./Job.ts"
import { isObject, type Json, textOf } from "./Json.ts"

/** What servers before 1.10 that ask for it say of a job that uses Vault and comes without a token (`nomad-api.md` §9). */
export const missingVaultToken = (
  { has, requiresTokens }: Cluster,
  job: Job,
  token: Json | undefined
): ReadonlyArray<string> => {
  if (has("noSubmitterTokens") || !requiresTokens.vault || textOf(token) !== "") return []
  const usesVault = job.TaskGroups.some((group) => group.Tasks.some((task) => isObject(task["Vault"])))
  return usesVault ? ["Vault used in the job but missing Vault token"] : []
}

const isConsul = (service: Json) => isObject(service) && textOf(service["Provider"], "consul") === "consul"

/** The same of Consul: a job uses it by its services and its `consul` blocks. It is looked for after check-and-set. */
export const missingConsulToken = (
  { has, requiresTokens }: Cluster,
  job: Job,
  token: Json | undefined
): string | undefined => {
  if (has("noSubmitterTokens") || !requiresTokens.consul || textOf(token) !== "") return undefined
  const usesConsul = job.TaskGroups.some((group) =>
    [group, ...group.Tasks].some(
      (part) => isObject(part["Consul"]) || asList(part["Services"]).some(isConsul)
    )
  )
  return usesConsul ? "job-submitter consul token denied: missing consul token" : undefined
}
