using System.Collections.Immutable;
using System.Globalization;

namespace Mainstay.Control.Config;

/// <summary>
/// One mapping of the file while it is read: knows which keys may stand in it, and turns their values into what they
/// mean. A key that is not there, or whose value is wrong (which is then reported), is null.
/// </summary>
internal sealed class Section
{
    private readonly Dictionary<string, MapEntry> _entries = [];
    private readonly Findings _findings;
    private readonly string _path;

    /// <param name="node">The mapping.</param>
    /// <param name="key">Its full key, such as <c>services[0]</c>; empty for the root.</param>
    /// <param name="path">The same as <see cref="ConfigKeys"/> writes it: <c>services[]</c>.</param>
    /// <param name="findings">Where mistakes go.</param>
    public Section(MapNode node, string key, string path, Findings findings)
    {
        (Line, Key, _path, _findings) = (node.Line, key, path, findings);
        foreach (var entry in node.Entries)
        {
            if (!IsKnown(entry))
                continue;
            if (!_entries.TryAdd(entry.Key, entry))
                Report(entry.Line, KeyOf(entry.Key), $"written twice, first in line {_entries[entry.Key].Line}", "keep one of them");
            else if (entry.Value is TextNode { IsEmpty: true })
                Report(entry.Line, KeyOf(entry.Key), "has no value", $"write {Unit(entry.Key).Text}, or take the key out");
        }
    }

    public int Line { get; }

    public string Key { get; }

    /// <summary>True if a reserved key was refused here: what else is missing may have to do with it.</summary>
    public bool HasReserved { get; private set; }

    /// <summary>True if the key is written, whatever its value.</summary>
    public bool Has(string name) => _entries.ContainsKey(name);

    /// <summary>The line of the key, or where the section begins if it is not written.</summary>
    public int LineOf(string name) => _entries.TryGetValue(name, out var entry) ? entry.Line : Line;

    public void Error(string name, string wrong, string cure) => Report(LineOf(name), KeyOf(name), wrong, cure);

    /// <summary>An error of the section itself.</summary>
    public void Error(string wrong, string cure) => Report(Line, Key, wrong, cure);

    /// <summary>Reports each key that must be written and is not.</summary>
    public void Require(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (!Has(name))
                Report(Line, KeyOf(name), "is missing", $"write `{name}:` here ({Unit(name).Text})");
        }
    }

    public TimeSpan? Duration(string name) =>
        Text(name) is { } text && Quantity(name, text, Units.TryDuration(text, out var value, out var cure), value.TotalSeconds, cure)
            ? value
            : null;

    public double? Rate(string name) =>
        Text(name) is { } text && Quantity(name, text, Units.TryRate(text, out var value, out var cure), value, cure) ? value : null;

    public double? Percent(string name) =>
        Text(name) is { } text && Quantity(name, text, Units.TryPercent(text, out var value, out var cure), value, cure) ? value : null;

    public long? Size(string name) =>
        Text(name) is { } text && Quantity(name, text, Units.TrySize(text, out var value, out var cure), value, cure) ? value : null;

    public double? Number(string name) =>
        Text(name) is { } text && Quantity(name, text, Units.TryNumber(text, out var value), (double)value, $"write a {Unit(name).Text}")
            ? (double)value
            : null;

    public int? Whole(string name)
    {
        if (Text(name) is not { } text)
            return null;
        var read = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value);
        return Quantity(name, text, read, value, $"write a {Unit(name).Text}") ? value : null;
    }

    /// <summary>One of the words of the key's unit.</summary>
    public string? Word(string name)
    {
        if (Text(name) is not { } text)
            return null;
        var unit = Unit(name);
        if (unit.Words.Contains(text))
            return text;
        Error(name, $"{Findings.Quote(text)} is not one of the words for it", NearestWord.Cure(text, unit.Words, $"write {unit.Text}"));
        return null;
    }

    /// <summary>The same as a value of an enumeration whose members have the names of the words.</summary>
    public T? Choice<T>(string name)
        where T : struct, Enum => Word(name) is { } word ? Enum.Parse<T>(word, ignoreCase: true) : null;

    public bool? Flag(string name) => Word(name) is { } word ? word == "true" : null;

    public string? Name(string name) => Text(name) is { } text && IsName(LineOf(name), KeyOf(name), text) ? text : null;

    /// <summary>Any text of one line.</summary>
    public string? Text(string name) =>
        _entries.TryGetValue(name, out var entry) && !IsReported(entry.Value) ? TextOf(entry.Value, KeyOf(name), Unit(name)) : null;

    /// <summary>The mapping behind a key.</summary>
    public Section? Map(string name)
    {
        if (!_entries.TryGetValue(name, out var entry) || IsReported(entry.Value))
            return null;
        if (entry.Value is MapNode map)
            return new Section(map, KeyOf(name), ConfigKeys.Join(_path, name), _findings);
        var keys = string.Join(", ", ConfigKeys.Below(ConfigKeys.Join(_path, name)).Select(k => k.Name));
        Error(name, $"is {entry.Value.Kind}, not a mapping", $"write `{name}: {{ … }}` with keys of: {keys}");
        return null;
    }

    /// <summary>The mappings of a mapping whose keys are names that the writer chose; each with its name. Empty if there is none.</summary>
    public ImmutableArray<(string Name, Section Section)> NamedMaps(string name)
    {
        if (!_entries.TryGetValue(name, out var entry) || IsReported(entry.Value))
            return [];
        if (entry.Value is not MapNode map)
        {
            Error(name, $"is {entry.Value.Kind}, not a mapping of names", $"write `{name}: {{ NAME: {{ … }} }}`");
            return [];
        }
        var maps = ImmutableArray.CreateBuilder<(string, Section)>();
        foreach (var (line, key, value) in map.Entries)
        {
            var full = ConfigKeys.Join(KeyOf(name), Findings.Shown(key));
            if (maps.Any(m => m.Item1 == key))
                Report(line, full, "written twice", "keep one of them");
            else if (value is MapNode inner)
                maps.Add((key, new Section(inner, full, ConfigKeys.Join(_path, name) + "{}", _findings)));
            else if (value is not RefusedNode)
                Report(line, full, $"is {value.Kind}, not a mapping", $"write `{{ {ConfigKeys.Below(ConfigKeys.Join(_path, name) + "{}").First().Name}: … }}`");
        }
        return maps.ToImmutable();
    }

    /// <summary>True if a single value stands behind the key, not a list or mapping.</summary>
    public bool IsText(string name) => _entries.TryGetValue(name, out var entry) && entry.Value is TextNode { IsEmpty: false };

    /// <summary>The mappings of a list; empty if there is none.</summary>
    public ImmutableArray<Section> Maps(string name)
    {
        var maps = ImmutableArray.CreateBuilder<Section>();
        foreach (var (item, key) in Items(name))
        {
            if (item is MapNode map)
                maps.Add(new Section(map, key, ConfigKeys.Join(_path, name) + "[]", _findings));
            else if (item is not RefusedNode)
                Report(item.Line, key, $"is {item.Kind}, not a mapping", "write `- { key: value }`");
        }
        return maps.ToImmutable();
    }

    /// <summary>The texts of a list, with their lines and full keys; empty if there is none. One written twice is reported.</summary>
    public ImmutableArray<ListedText> Texts(string name)
    {
        var texts = ImmutableArray.CreateBuilder<ListedText>();
        var seen = new HashSet<string>();
        foreach (var (item, key) in Items(name))
        {
            if (TextOf(item, key, Unit(name)) is not { } text)
                continue;
            if (seen.Add(text))
                texts.Add(new ListedText(item.Line, key, text));
            else
                Report(item.Line, key, $"{Findings.Quote(text)} stands in the list twice", "keep one of them");
        }
        return texts.ToImmutable();
    }

    /// <summary>The texts of a list, in which one may stand twice; empty if there is none.</summary>
    public ImmutableArray<string> CommandLine(string name) => [.. Items(name).Select(i => TextOf(i.Item, i.Key, Unit(name))).OfType<string>()];

    /// <summary>The same for names.</summary>
    public ImmutableArray<ListedText> Names(string name) => [.. Texts(name).Where(t => IsName(t.Line, t.Key, t.Text))];

    public bool IsEmptyMap(string name) => _entries.TryGetValue(name, out var entry) && entry.Value is MapNode { Entries.Length: 0 };

    public bool IsEmptyList(string name) => _entries.TryGetValue(name, out var entry) && entry.Value is ListNode { Items.Length: 0 };

    public void Report(int line, string key, string wrong, string cure) => _findings.Error(line, key, wrong, cure);

    private IEnumerable<(ConfigNode Item, string Key)> Items(string name)
    {
        if (!_entries.TryGetValue(name, out var entry) || IsReported(entry.Value))
            return [];
        if (entry.Value is ListNode list)
            return list.Items.Select((item, i) => (item, $"{KeyOf(name)}[{i}]"));
        Error(name, $"is {entry.Value.Kind}, not a list", $"write `{name}: [ … ]`, or each item in a line of its own after a dash");
        return [];
    }

    private string? TextOf(ConfigNode node, string key, ConfigUnit unit)
    {
        if (node is RefusedNode)
            return null;
        if (node is not TextNode text)
            Report(node.Line, key, $"is {node.Kind}, not a single value", $"write {unit.Text}");
        else if (text.IsEmpty)
            Report(node.Line, key, "has no value", $"write {unit.Text}");
        else if (text.Text.Length == 0 || text.Text.AsSpan().IndexOfAnyInRange('\0', '\u001f') >= 0)
            Report(node.Line, key, $"{Findings.Quote(text.Text)} is not a value of one line", $"write {unit.Text}");
        else
            return text.Text;
        return null;
    }

    private bool IsName(int line, string key, string text)
    {
        if (text.Length <= 63 && char.IsAsciiLetterOrDigit(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
            return true;
        Report(line, key, $"{Findings.Quote(text)} is not a name", $"write a {ConfigUnit.Name.Text}, the first a letter or digit");
        return false;
    }

    private bool Quantity(string name, string text, bool isRead, double value, string cure)
    {
        var unit = Unit(name);
        if (!isRead)
            Error(name, $"{Findings.Quote(text)} is not a {unit.Text.Split(',')[0]}", cure + OtherWords(unit, cure));
        else if (value < unit.Min || value > unit.Max)
            Error(name, $"{Findings.Quote(text)} is out of range", $"write a {unit.Text}");
        else
            return true;
        return false;
    }

    /// <summary>What a cure that speaks of quantities alone leaves out: the words that may stand in place of one.</summary>
    private static string OtherWords(ConfigUnit unit, string cure) =>
        unit.Text.IndexOf(", or ", StringComparison.Ordinal) is var at and >= 0 && !cure.Contains(unit.Text[at..], StringComparison.Ordinal) ? unit.Text[at..] : "";

    /// <summary>A key without value is reported when the section is opened, a refused node when the tree is read.</summary>
    private static bool IsReported(ConfigNode node) => node is RefusedNode or TextNode { IsEmpty: true };

    private bool IsKnown(MapEntry entry)
    {
        if (UnknownKey.Judge(_path, entry.Key) is not var (wrong, cure))
            return true;
        HasReserved |= wrong == UnknownKey.Later;
        Report(entry.Line, KeyOf(Findings.Shown(entry.Key)), wrong, cure);
        return false;
    }

    private string KeyOf(string name) => ConfigKeys.Join(Key, name);

    private ConfigUnit Unit(string name) => ConfigKeys.Find(ConfigKeys.Join(_path, name))!.Unit;
}

/// <summary>A text in a list, with the place where it stands.</summary>
internal readonly record struct ListedText(int Line, string Key, string Text);
