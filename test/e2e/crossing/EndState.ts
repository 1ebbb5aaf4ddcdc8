import type { World } from "../World.ts"
import type { Sql } from "./Sql.ts"

/** What is left when a story is over, without what two runs of it may have different: times, names, ids, indexes. */
export interface EndState {
  /** Registers that the proxy let through to Nomad. */
  readonly registers: number
  /** Versions of the job that carry a marker of ours, each marker once: a copy that Nomad made carries an old one. */
  readonly ours: number
  /** The job's newest version; what others wrote, and Nomad itself, counts as well. */
  readonly version: number
  /** Image of each task, as the job's spec has it. */
  readonly images: ReadonlyArray<string>
  readonly rows: Rows
}

interface Rows {
  /** Without `generation`s that only order: what is wanted, and by which tag and digest the job is accounted for. */
  readonly desired: unknown
  /** Attempts that Nomad took: repository, target, reason, outcome; in their order, of each repository by itself. */
  readonly taken: unknown
  /** Those under way: none, at the end. */
  readonly open: number
  readonly decisions: ReadonlyArray<{
    readonly name: string
    readonly tag: string
    readonly reason: string | null
  }>
  readonly quarantined: unknown
  readonly foreignWrites: number
}

const rows = `select jsonb_build_object(
  'desired', (select jsonb_agg(to_jsonb(r) - '{baseline_at,baseline_all_at,updated_at,edited_at,mapped_to}'::text[] order by name) from repository r),
  'taken', (select jsonb_agg(jsonb_build_array(repository, to_tag, to_digest, reason, state) order by repository, seq) from attempt
    where accepted_at is not null),
  'open', (select count(*) from attempt where state in ('intended', 'submitted', 'unknown', 'accepted')),
  'decisions', (select jsonb_agg(jsonb_build_object(
    'name', repository, 'tag', decision ->> '_tag', 'reason', decision ->> 'reason') order by repository) from decision),
  'quarantined', (select jsonb_agg(jsonb_build_array(repository, digest) order by repository, digest) from quarantine),
  'foreignWrites', (select count(*) from audit where action = 'foreign write'))`

interface Version {
  readonly Version: number
  readonly TaskGroups: ReadonlyArray<{
    readonly Tasks: ReadonlyArray<{
      readonly Config: { readonly image: string }
      readonly Meta: Readonly<Record<string, string>> | null
    }>
  }>
}

const tasksOf = ({ TaskGroups }: Version) => TaskGroups.flatMap(({ Tasks }) => Tasks)

export const endState = async (world: World, sql: Sql): Promise<EndState> => {
  const { Versions } = (await world.nomad("GET", `/v1/job/${world.name}/versions`)) as {
    readonly Versions: ReadonlyArray<Version>
  }
  const newest = Versions.reduce((a, b) => (a.Version > b.Version ? a : b))
  const markers = Versions.flatMap(tasksOf).flatMap(({ Meta }) => Object.values(Meta ?? {}))
  const text = (await sql.query(rows)).replaceAll(world.name, "NAME")
  return {
    registers: world.proxy.of(world.name).filter(({ forwarded }) => forwarded).length,
    ours: new Set(markers).size,
    version: newest.Version,
    images: tasksOf(newest).map(({ Config }) =>
      Config.image.replace(world.parts.registry.host, "HOST").replaceAll(world.name, "NAME")
    ),
    rows: JSON.parse(text) as Rows
  }
}

/** `InSync`, `Wait nothing_elected` … of each repository. */
export const told = ({ rows: { decisions } }: EndState): string =>
  decisions.map(({ tag, reason }) => (reason === null ? tag : `${tag} ${reason}`)).join(", ")
