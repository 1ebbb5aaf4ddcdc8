/** @import { RepositoryShown } from "./types.ts" */

/**
 * Whom a repository waits for. The order is that of the page: what needs a person comes first.
 *
 * @typedef {"person" | "waiting" | "moving" | "sync"} Group
 */

/** @type {ReadonlyArray<readonly [group: Group, title: string, symbol: string]>} */
export const groups = [
  ["person", "Needs a person", "!"],
  ["waiting", "Waiting", "…"],
  ["moving", "Moving", "↻"],
  ["sync", "In sync", "✓"]
]

// Every other wait ends by itself, or somebody wanted it so.
const waitsForPerson = new Set([
  "forbidden",
  "suspect_view",
  "nothing_elected",
  "not_following",
  "tag_missing",
  "would_rerun",
  "brake"
])

/** @type {(shown: Pick<RepositoryShown, "decision">) => Group} */
export const groupOf = ({ decision }) => {
  switch (decision?.decision) {
    case "in_sync":
      return "sync"
    case "follow":
      return decision.reason === null ? "moving" : "person"
    case "deploy":
    case "settle":
      return "moving"
    case "stall":
      return "person"
    case "wait":
      return waitsForPerson.has(decision.reason ?? "") ? "person" : "waiting"
    case undefined:
      return "waiting"
  }
}

/** `api-2` before `api-10`, wherever repositories are listed. */
export const { compare: byName } = new Intl.Collator("en", { numeric: true })

const titles = {
  in_sync: "In sync",
  deploy: "Deploying",
  follow: "Rolling out",
  settle: "Settling",
  wait: "Waiting",
  stall: "Stalled"
}

/**
 * What is decided, in two or three words.
 *
 * @type {(shown: Pick<RepositoryShown, "decision">) => readonly [title: string, reason: string]}
 */
export const badgeOf = ({ decision }) =>
  decision === null
    ? ["Waiting", "not looked at yet"]
    : [
        titles[decision.decision],
        (decision.reason ?? "").replaceAll("_", " ").replace("auto deploy", "auto-deploy")
      ]

/** @type {(shown: Pick<RepositoryShown, "desired">) => ReadonlyArray<string>} */
export const notesOf = ({ desired: { auto_deploy, hold, request } }) => [
  ...(auto_deploy ? [] : ["auto-deploy off"]),
  ...(hold === null ? [] : [`held by ${hold.by}`]),
  ...(request === null ? [] : [`${request.kind} by ${request.by} is open`])
]

/** @type {(seconds: number) => string} */
export const ageOf = (seconds) => {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`
}
