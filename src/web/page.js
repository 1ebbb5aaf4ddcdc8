import { call, token } from "./api.js"
import { byId, element, setText } from "./element.js"
import { showLeader } from "./leader.js"
import { listen } from "./listen.js"
import { onOrder, say } from "./ordering.js"
import { Row } from "./Row.js"
import { byName, groupOf, groups } from "./words.js"

/** @import { BrakeShown, RepositoryShown } from "./types.ts" */
/** @import { Group } from "./words.js" */

/** @type {Map<string, Row>} */
const rows = new Map()
/** @type {Group | null} */
let only = null
/** @type {BrakeShown | null} */
let brake = null

const list = byId("rows")
const filter = /** @type {HTMLInputElement} */ (byId("filter"))
const link = byId("link")

const showLink = (/** @type {boolean} */ isLive, /** @type {string} */ text) => {
  link.classList.toggle("is-live", isLive)
  setText(link, text)
}

/** What needs a person comes first; nothing moves under the hand of one who has opened a repository. */
const arrange = () => {
  const order = new Map(groups.map(([group], at) => [group, at]))
  const rank = (/** @type {Row} */ row) => order.get(groupOf(row.shown)) ?? 0
  const sorted = [...rows.values()].toSorted(
    (a, b) => rank(a) - rank(b) || byName(a.shown.name, b.shown.name)
  )
  const isOpen = sorted.some((row) => row.isOpen)
  const misplaced = sorted.some(({ at }, index) => list.children[index] !== at)
  if (misplaced && (!isOpen || list.children.length !== sorted.length)) {
    const focused = document.activeElement
    list.replaceChildren(...sorted.map(({ at }) => at))
    if (focused instanceof HTMLElement && list.contains(focused)) focused.focus({ preventScroll: true })
  }
  choose()
}

/** Hides what is not asked for, and counts. */
const choose = () => {
  const words = filter.value.toLowerCase().split(/\s+/)
  /** @type {Map<Group, number>} */
  const counts = new Map()
  let visible = 0
  for (const row of rows.values()) {
    const group = groupOf(row.shown)
    counts.set(group, (counts.get(group) ?? 0) + 1)
    const { text } = row
    const isShown = (only === null || only === group) && words.every((word) => text.includes(word))
    row.at.hidden = !isShown
    if (isShown) visible += 1
  }
  for (const [group, , , count] of switches) {
    setText(count, String(group === null ? rows.size : (counts.get(group) ?? 0)))
  }
  const none = byId("none")
  none.hidden = visible > 0
  setText(none, rows.size === 0 ? "No repository is watched, or none was taken up yet." : "None matches.")
  const urgent = counts.get("person") ?? 0
  document.title = urgent === 0 ? "Registrywatcher" : `(${urgent}) Registrywatcher`
}

/** @type {ReadonlyArray<readonly [Group | null, string, string]>} */
const choices = [[null, "All", ""], ...groups]
const switches = choices.map(([group, title, symbol]) => {
  const count = element("span", { className: "count" })
  const at = element("button", { type: "button", ariaPressed: String(group === null) }, [
    `${symbol} ${title} `,
    count
  ])
  at.dataset["group"] = group ?? "all"
  at.addEventListener("click", () => {
    only = group
    for (const [other, , button] of switches) button.ariaPressed = String(other === group)
    choose()
  })
  return /** @type {const} */ ([group, title, at, count])
})
byId("groups").replaceChildren(...switches.map(([, , at]) => at))
filter.addEventListener("input", choose)

let isDue = false
/** Once for all events that came together. */
const arrangeSoon = () => {
  if (isDue) return
  isDue = true
  setTimeout(() => {
    isDue = false
    arrange()
  })
}
list.addEventListener("toggle", arrangeSoon, true)

const showBrake = (/** @type {BrakeShown | null} */ shown) => {
  brake = shown !== null && shown.released_at === null ? shown : null
  byId("brake").hidden = brake === null
  if (brake === null) return
  const { since, stopped } = brake
  const count = stopped.length === 1 ? "1 move" : `${stopped.length} moves`
  setText(
    byId("brake-title"),
    `The brake is on, since ${new Date(since).toLocaleString()}: it stops ${count}`
  )
  byId("moves").replaceChildren(
    ...stopped
      .toSorted((a, b) => byName(a.repository, b.repository))
      .map(({ repository, tag }) =>
        element("li", {}, [
          element("strong", { textContent: repository }),
          " to ",
          element("span", { className: "value", textContent: tag })
        ])
      )
  )
}

const release = /** @type {HTMLButtonElement} */ (byId("release"))
onOrder(
  release,
  () => [release],
  async () => {
    if (brake === null) return null
    const answer = await call("POST", "v1/brake/release", { body: { id: brake.id } })
    const stands = await call("GET", "v1/brake")
    if (stands.ok) showBrake(stands.body.brake)
    return answer
  }
)

/** @type {Record<string, (data: any) => void>} */
const events = {
  begin: ({ repositories }) => {
    for (const name of [...rows.keys()].filter((one) => !repositories.includes(one))) rows.delete(name)
    for (const row of rows.values()) row.begin()
  },
  repository: (/** @type {RepositoryShown} */ shown) => {
    const row = rows.get(shown.name)
    if (row === undefined) rows.set(shown.name, new Row(shown))
    else row.show(shown)
  },
  brake: (data) => showBrake(data.brake),
  trouble: ({ message }) => showLink(message === null, message ?? "live")
}

const signIn = byId("sign-in")
const secret = /** @type {HTMLInputElement} */ (byId("token"))

const begin = () => {
  showLink(false, "connecting")
  listen({
    event: (name, data) => {
      events[name]?.(data)
      arrangeSoon()
    },
    live: () => {
      signIn.hidden = true
      byId("fleet").hidden = false
      showLink(true, "live")
    },
    lost: (why) => showLink(false, `not live (${why}): what is shown may be outdated; trying again`),
    refused: (_, message) => {
      const wasKept = token.read() !== null
      token.forget()
      byId("fleet").hidden = true
      rows.clear()
      list.replaceChildren()
      showLink(false, "not signed in")
      setText(byId("sign-in-why"), wasKept ? `This token is not taken: ${message}.` : `${message}.`)
      signIn.hidden = false
      secret.focus()
    }
  })
}

signIn.addEventListener("submit", (submit) => {
  submit.preventDefault()
  token.keep(secret.value.trim())
  secret.value = ""
  begin()
})

setInterval(() => {
  for (const row of rows.values()) row.tick()
}, 5000)

showLeader(byId("leader"))
addEventListener("error", ({ message }) => say("unknown", message))
begin()
