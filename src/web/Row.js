import { element, setText } from "./element.js"
import { Orders } from "./Orders.js"
import { ageOf, badgeOf, groupOf, groups, notesOf } from "./words.js"

/** @import { RepositoryShown, DesiredShown } from "./types.ts" */

const symbols = new Map(groups.map(([group, , symbol]) => [group, symbol]))

/** A cell with the name of its column, which is seen on a narrow page and heard on any. */
const cell = (/** @type {string} */ className, /** @type {string} */ label) => {
  const value = element("span", { className: "value" })
  const at = element("span", { className: `cell ${className}` }, [
    element("span", { className: "label", textContent: `${label} ` }),
    value
  ])
  return { at, value }
}

/** One repository: a line that opens, with what can be ordered in it. */
export class Row {
  #symbol = element("span", { className: "symbol" })
  #title = element("span", { className: "title" })
  #reason = element("span", { className: "reason" })
  #badge = element("span", { className: "badge" }, [this.#symbol, this.#title, this.#reason])
  #job = element("span", { className: "job" })
  #wanted = cell("wanted", "Wanted")
  #notes = element("span", { className: "notes" })
  #stale = element("span", { className: "stale" })
  #elected = cell("tag", "Elected")
  #runs = cell("tag runs", "Runs")
  #since = cell("since", "Since")
  #why = element("p", { className: "why" })
  #details = element("details", { className: "repository" })
  /** @type {Orders | undefined} */
  #orders
  /** When `shown` came, by the page's own clock, which no one sets. */
  #heardAt = 0
  /** The generation that an order of this page has made. */
  #committed = 0
  /** @type {RepositoryShown} */
  shown

  /** @param {RepositoryShown} shown */
  constructor(shown) {
    this.shown = shown
    const name = element("span", { className: "name", textContent: shown.name })
    this.#wanted.at.append(this.#notes, this.#stale)
    const summary = element("summary", {}, [
      this.#badge,
      element("span", { className: "cell who" }, [name, this.#job]),
      this.#wanted.at,
      this.#elected.at,
      this.#runs.at,
      this.#since.at,
      this.#why
    ])
    this.#details.append(summary)
    // Nobody opens a thousand of them.
    this.#details.addEventListener("toggle", () => {
      if (!this.#details.open) return
      if (this.#orders === undefined) {
        this.#orders = new Orders(this)
        this.#details.append(this.#orders.panel)
      }
      void this.#orders.refresh()
    })
    this.at = element("li", {}, [this.#details])
    this.show(shown)
  }

  get isOpen() {
    return this.#details.open
  }

  /** What a filter looks at. */
  get text() {
    const { name, job, runs, elected, desired } = this.shown
    const words = [
      name,
      job.job,
      ...runs,
      elected?.tag ?? "",
      desired.pinned_tag,
      ...badgeOf(this.shown),
      ...notesOf(this.shown),
      this.#stale.textContent
    ]
    return words.join(" ").toLowerCase()
  }

  /**
   * Newer news; older ones, sent before an order of this page was answered, are passed over.
   *
   * @param {RepositoryShown} shown
   */
  show(shown) {
    if (shown.desired.generation < this.#committed) return
    this.shown = shown
    this.#heardAt = performance.now()
    const { name, job, desired, runs, elected, decision, mode } = shown
    const group = groupOf(shown)
    const [title, reason] = badgeOf(shown)
    this.at.dataset["group"] = group
    this.at.dataset["name"] = name
    setText(this.#symbol, symbols.get(group) ?? "")
    setText(this.#title, title)
    setText(this.#reason, reason)
    const place = [job.region, job.namespace === "default" ? "" : job.namespace, job.job].filter(
      (part) => part !== ""
    )
    const isNamedSo = place.length === 1 && job.job === name
    setText(
      this.#job,
      `${isNamedSo ? "" : `job ${place.join("/")}`}${mode === "plan" ? " plan only" : ""}`.trim()
    )
    setText(
      this.#wanted.value,
      desired.pinned_tag === "" ? "newest version" : `pinned to ${desired.pinned_tag}`
    )
    setText(this.#notes, notesOf(shown).join(" · "))
    setText(this.#elected.value, elected?.tag ?? "–")
    setText(this.#runs.value, runs.length === 0 ? "–" : runs.join(", "))
    this.#runs.at.classList.toggle("differs", elected !== null && runs.some((tag) => tag !== elected.tag))
    setText(this.#why, shown.why)
    this.#since.at.title = decision?.since ?? ""
    this.tick()
    this.#orders?.show()
  }

  /**
   * What an order of this page has committed.
   *
   * @param {DesiredShown} desired
   */
  committed(desired) {
    this.#committed = desired.generation
    this.show({ ...this.shown, desired })
  }

  /** A stream begins: what it tells first is the truth, also where the database was restored. */
  begin() {
    this.#committed = 0
  }

  /** Ages go on. */
  tick() {
    const { decision, read_at, stale, checked_at } = this.shown
    const age = (/** @type {string} */ since) =>
      ageOf((Date.parse(read_at) - Date.parse(since) + performance.now() - this.#heardAt) / 1000)
    setText(this.#since.value, decision === null ? "–" : age(decision.since))
    const read = checked_at === null ? "" : `registry not read for ${age(checked_at)}`
    setText(this.#stale, stale ? read : "")
  }
}
