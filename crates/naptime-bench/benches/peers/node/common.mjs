// The settings that all drivers share, and the due times of recurring jobs.

/// The URL of the database.
export const database = process.env.DATABASE;
/// The address of the target, such as http://127.0.0.1:1234.
export const target = process.env.TARGET;
/// The most calls that one process makes at once.
export const capacity = Number(process.env.CAPACITY);

/// The period of a recurring job, in milliseconds.
export const PERIOD_MS = 1000;

/// The first due times of `count` recurring jobs, spread over one period as Naptime spreads them.
export function firstDue(count) {
  const start = Date.now() + PERIOD_MS;
  return Array.from({ length: count }, (_, number) => Math.floor(start + (PERIOD_MS * number) / count));
}

/// The first due time after `due` that is not past. The ones between are skipped: Naptime and BullMQ do the same.
export function nextDue(due) {
  const late = Math.max(0, Date.now() - due);
  return due + PERIOD_MS * (1 + Math.floor(late / PERIOD_MS));
}

/// `items` in arrays of at most `size`.
export function* chunks(items, size = 1000) {
  for (let start = 0; start < items.length; start += size) {
    yield items.slice(start, start + size);
  }
}
