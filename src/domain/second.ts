/** As it stands in a sentence: `2026-01-01T12:00:00Z`. */
export const second = (at: Date): string => `${at.toISOString().slice(0, 19)}Z`
