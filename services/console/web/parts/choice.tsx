// One of several values, or none of them.

interface Props {
  label: string;
  value: string;
  /** What stands for no value. */
  none: string;
  values: { value: string; text: string }[];
  choose: (value: string) => void;
  /** The key / leads here. */
  search?: boolean;
}

/** Values that are shown as they are. */
export function asShown(values: readonly string[]): Props["values"] {
  return values.map((value) => ({ value, text: value }));
}

export function Choice({ label, value, none, values, choose, search }: Props) {
  return (
    <label>
      {label}
      <select
        data-search={search ? "" : undefined}
        value={value}
        onChange={(e) => choose(e.currentTarget.value)}
      >
        <option value="">{none}</option>
        {values.map((one) => (
          <option value={one.value}>{one.text}</option>
        ))}
      </select>
    </label>
  );
}
