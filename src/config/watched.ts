import { Duration, Option, Schema } from "effect"
import { createHash } from "node:crypto"
import { parseImageName } from "../domain/ImageReference.ts"
import { RepositoryName } from "../domain/RepositoryName.ts"
import type { Watched } from "../domain/Watched.ts"
import type { Section } from "./Document.ts"
import { usualSoak } from "./Field.ts"
import { type Findings, shown } from "./Findings.ts"
import type { repositoryKeys } from "./keys.ts"
import type { Registry } from "./registryEndpoint.ts"

/** What holds for every repository unless its own table says otherwise. */
export interface Surroundings {
  readonly region: string
  readonly namespace: string
  readonly drift: Watched["drift"]
  readonly mode: Watched["mode"]
}

export const isRepositoryName = Schema.is(RepositoryName)

/** Undefined, with its problems, for an entry that is not whole or whose image no registry can hold. */
export const watched = (
  name: RepositoryName,
  { all, place, key }: Section<typeof repositoryKeys>,
  registry: Registry | undefined,
  { region, namespace, drift, mode }: Surroundings,
  findings: Findings
): Watched | undefined => {
  if (all === undefined || registry === undefined) return undefined
  const { host, prefix, endpoint } = registry
  const written = `${host}/${prefix === "" ? "" : `${prefix}/`}${name}`
  const parsed = parseImageName(written)
  if (Option.isNone(parsed)) {
    const got = shown(written)
    findings.problem(
      place("registry_name"),
      key("registry_name"),
      "an image name of 255 characters at most",
      got
    )
    return undefined
  }
  const image = parsed.value.repository
  if (all.canary === "manual" && !Duration.equals(all.canary_soak, usualSoak)) {
    const words = 'without effect, as a person promotes the canaries; canary = "healthy" goes by it'
    findings.warning(place("canary_soak"), key("canary_soak"), words)
  }
  const alias = all.image_name
  const mapping: Watched["mapping"] = {
    job: {
      region: all.nomad_region ?? region,
      namespace: all.nomad_namespace ?? namespace,
      job: all.nomad_job_name
    },
    group: all.nomad_group_name,
    tasks: all.nomad_task_name,
    imageNames: alias === undefined ? [written] : [written, alias],
    imageForm: all.image_form
  }
  const policy: Watched["policy"] = { _tag: "Semver" }
  return {
    name,
    registry: endpoint.name,
    image,
    mapping,
    policy,
    drift: all.drift ?? drift,
    batch: all.batch,
    mode,
    canary: all.canary,
    canarySoak: all.canary_soak,
    fingerprint: createHash("sha256")
      .update(JSON.stringify([endpoint.origin.href, image, mapping, policy]))
      .digest("hex")
  }
}
