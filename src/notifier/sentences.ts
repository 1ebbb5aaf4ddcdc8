import type { Notice } from "../domain/Notice.ts"
import { code, plain } from "./markup.ts"

/** Slack's colour of a message, as the predecessor had them. */
export type Colour = "#FFA500" | "#FF0000" | "#00FF00"

const update = "#FFA500"
const error = "#FF0000"
const success = "#00FF00"

interface Wording<N> {
  readonly colour: Colour
  readonly one: (notice: N) => string
  /** Of several repositories in one sentence; absent where there is no repository. */
  readonly many?: (notices: ReadonlyArray<N>) => string
}

/** A summary names so many. */
const named = 30

const list = <A>(all: ReadonlyArray<A>, name: (each: A) => string, length = all.length): string => {
  const first = all.slice(0, named).map(name).join(", ")
  return length > named ? `${first} and ${length - named} more` : first
}

const because = ({ words }: { readonly words: string | null }): string =>
  words === null || words.trim() === "" ? "" : `\n${plain(words)}`

const paused = (moves: number): string => (moves === 1 ? "1 move" : `${moves} moves`)
const ofRepositories = (repositories: ReadonlyArray<string>, moves: number): string =>
  repositories.length === 0 ? "" : `: ${list(repositories, code, moves)}`

/** The predecessor's sentences to the letter, where it had one. */
const wordings: { readonly [T in Notice["_tag"]]: Wording<Extract<Notice, { readonly _tag: T }>> } = {
  Deploying: {
    colour: update,
    one: ({ job, tag }) => `Update: deploying job ${code(job)} to tag ${code(tag)}`,
    many: (all) =>
      `Update: deploying ${all.length} jobs: ${list(all, ({ job, tag }) => `${code(job)} to ${code(tag)}`)}`
  },
  DigestChanged: {
    colour: update,
    one: ({ repository, tag }) =>
      `Update: the SHA of tag ${code(tag)} in ${code(repository)} changed. Auto deployment will happen shortly.`,
    many: (all) =>
      `Update: the SHA of ${all.length} tags changed: ${list(all, ({ repository, tag }) => `${code(tag)} in ${code(repository)}`)}. Auto deployment will happen shortly.`
  },
  Succeeded: {
    colour: success,
    one: ({ job, tag }) => `Success: Nomad deployment for job ${code(job)} succeeded for tag ${code(tag)}`,
    many: (all) =>
      `Success: ${all.length} Nomad deployments succeeded: ${list(all, ({ job, tag }) => `${code(job)} for ${code(tag)}`)}`
  },
  Failed: {
    colour: error,
    one: (notice) =>
      `Error: Nomad deployment job ${code(notice.job)} failed for tag ${code(notice.tag)}, nomad server will roll back to last working version if possible${because(notice)}`,
    many: (all) =>
      `Error: ${all.length} Nomad deployments failed, nomad server will roll back to last working versions if possible: ${list(all, ({ job, tag }) => `${code(job)} for ${code(tag)}`)}`
  },
  Rejected: {
    colour: error,
    one: (notice) =>
      `Error: failed to force redeploy job ${code(notice.job)} for tag ${code(notice.tag)}${because(notice)}`,
    many: (all) =>
      `Error: failed to force redeploy ${all.length} jobs: ${list(all, ({ job, tag }) => `${code(job)} for ${code(tag)}`)}`
  },
  Switched: {
    colour: update,
    one: ({ on, repository }) => `Turned ${on ? "on" : "off"} auto deployment for repo ${code(repository)}`,
    many: (all) =>
      `Turned ${all[0]?.on === true ? "on" : "off"} auto deployment for ${all.length} repos: ${list(all, ({ repository }) => code(repository))}`
  },
  Stalled: {
    colour: error,
    one: (notice) =>
      `Error: repo ${code(notice.repository)} needs a person: ${code(notice.reason)}${because(notice)}`,
    many: (all) =>
      `Error: ${all.length} repos need a person: ${list(all, ({ repository, reason }) => `${code(repository)} ${code(reason)}`)}`
  },
  AwaitingPromotion: {
    colour: update,
    one: (notice) =>
      `Update: job ${code(notice.job)} waits for a person to promote or fail the canaries of tag ${code(notice.tag)}${because(notice)}`,
    many: (all) =>
      `Update: ${all.length} jobs wait for a person to promote or fail their canaries: ${list(all, ({ job, tag }) => `${code(job)} of ${code(tag)}`)}`
  },
  BrakeOn: {
    colour: error,
    one: ({ moves, repositories }) =>
      `Error: the brake is on: ${paused(moves)} that no push explains and all other automatic moves wait for a person${ofRepositories(repositories, moves)}`
  },
  BrakeReleased: {
    colour: update,
    one: ({ moves, repositories, who }) =>
      `Update: the brake was released${who === null ? "" : ` by ${code(who)}`}, and with it ${paused(moves)}${ofRepositories(repositories, moves)}`
  }
}

/** What notices must have in common to be told in one sentence; null: each is told alone. */
export const kindOf = (notice: Notice): string | null => {
  if (wordings[notice._tag].many === undefined) return null
  return notice._tag === "Switched" ? `${notice._tag} ${notice.on}` : notice._tag
}

/** One, or several of one kind. */
export const sentence = (
  notices: readonly [Notice, ...ReadonlyArray<Notice>]
): { readonly text: string; readonly colour: Colour } => {
  const [first] = notices
  // The table's entry is that of the notice's own tag, which the compiler can not follow.
  const { colour, one, many } = wordings[first._tag] as Wording<Notice>
  return { colour, text: notices.length === 1 || many === undefined ? one(first) : many(notices) }
}
