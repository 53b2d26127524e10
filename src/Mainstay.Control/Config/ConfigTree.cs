using System.Collections.Immutable;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Mainstay.Control.Config;

/// <summary>
/// Reads YAML into nodes by walking the parser's events. Bounded in depth; anchors, aliases and tags are refused, so that
/// a file is as large as it looks.
/// </summary>
internal sealed class ConfigTree
{
    /// <summary>Mappings and lists inside one another, at most.</summary>
    public const int MaxDepth = 32;

    private const int LongestShownKey = 40;
    private readonly Parser _events;
    private readonly Findings _findings;
    private int _tooDeepAt;

    private ConfigTree(string text, Findings findings)
    {
        _events = new Parser(new Scanner(new StringReader(text), skipComments: true));
        _findings = findings;
    }

    private int Line => (int)_events.Current!.Start.Line;

    /// <summary>
    /// The root of the file, and what was found wrong on the way. The root is null if the text is no YAML, nested too
    /// deep or empty; that error stands alone.
    /// </summary>
    public static (ConfigNode? Root, Findings Findings) Read(string text, string file)
    {
        var findings = new Findings(file);
        var alone = new Findings(file);
        var tree = new ConfigTree(text, findings);
        try
        {
            if (tree.ReadDocument() is { } root)
                return (root, findings);
            if (tree._tooDeepAt > 0)
                alone.Error(tree._tooDeepAt, "", $"nested more than {MaxDepth} deep", "look for too many brackets or too much indentation");
            else
                alone.Error(0, "", "the file is empty", "write at least one service; examples/ has files to start from");
        }
        catch (YamlException e)
        {
            Explain(e.Message, e.Start.Line, text, alone);
        }
        // The parser is not ours. Whatever else it may throw (it does, for a bracket that is never closed) says that it
        // could not go on from where it was.
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or FormatException or OverflowException
            or IndexOutOfRangeException or NullReferenceException)
        {
            Explain("the text cannot be read on from here", tree._events.Current?.End.Line ?? 1, text, alone);
        }
        return (null, alone);
    }

    private ConfigNode? ReadDocument()
    {
        Next();
        Next();
        if (_events.Current is not DocumentStart)
            return null;
        Next();
        var root = ReadNode("", 0);
        if (root is null or TextNode { IsEmpty: true })
            return null;
        Next();
        Next();
        if (_events.Current is DocumentStart)
            _findings.Error(Line, "", "a second document begins here", "keep one document: take the --- and what follows it out");
        return root;
    }

    /// <summary>Reads the node that the current event starts, and stops at its last event. Null: nested too deep.</summary>
    private ConfigNode? ReadNode(string key, int depth)
    {
        var line = Line;
        if (depth > MaxDepth)
        {
            _tooDeepAt = line;
            return null;
        }
        if (_events.Current is AnchorAlias alias)
        {
            _findings.Error(line, key, $"the alias *{Findings.Shown(alias.Value.Value)} is not followed", "write the value itself here");
            return new RefusedNode(line);
        }
        if (_events.Current is not NodeEvent node)
            throw new YamlException(_events.Current!.Start, _events.Current.End, "A key or a value is missing.");
        RefuseDecoration(node, key, line);
        switch (node)
        {
            case Scalar text:
                return new TextNode(line, text.Value, text.Style == ScalarStyle.Plain);
            case SequenceStart:
                return ReadList(key, line, depth);
            case MappingStart:
                return ReadMap(key, line, depth);
            default:
                return null;
        }
    }

    private ListNode? ReadList(string key, int line, int depth)
    {
        var items = ImmutableArray.CreateBuilder<ConfigNode>();
        while (Next() is not SequenceEnd)
        {
            if (ReadNode($"{key}[{items.Count}]", depth + 1) is not { } item)
                return null;
            items.Add(item);
        }
        return new ListNode(line, items.ToImmutable());
    }

    private MapNode? ReadMap(string key, int line, int depth)
    {
        var entries = ImmutableArray.CreateBuilder<MapEntry>();
        while (Next() is not MappingEnd)
        {
            var keyLine = Line;
            if (ReadNode(key, depth + 1) is not { } name)
                return null;
            Next();
            var word = (name as TextNode)?.Text ?? "";
            if (ReadNode(ConfigKeys.Join(key, Cut(word)), depth + 1) is not { } value)
                return null;
            if (name is TextNode)
                entries.Add(new MapEntry(keyLine, word, value));
            else if (name is not RefusedNode)
                _findings.Error(keyLine, key, $"{name.Kind} stands where a key belongs", "write one word before the colon");
        }
        return new MapNode(line, entries.ToImmutable());
    }

    private void RefuseDecoration(NodeEvent node, string key, int line)
    {
        if (!node.Anchor.IsEmpty)
        {
            var name = Findings.Shown(node.Anchor.Value);
            _findings.Error(line, key, $"the anchor &{name} is of no use: aliases are not followed", "take it out");
        }
        if (!node.Tag.IsEmpty && !node.Tag.IsNonSpecific)
            _findings.Error(line, key, $"the tag {Findings.Shown(node.Tag.Value)} is not read", "take it out; each key has one type");
    }

    private ParsingEvent Next()
    {
        if (!_events.MoveNext() || _events.Current is not { } current)
            throw new YamlException("the text ends too early");
        return current;
    }

    /// <summary>Makes one error of what the parser said. It names tabs as trouble of some line before theirs.</summary>
    private static void Explain(string message, long at, string text, Findings alone)
    {
        var line = (int)Math.Max(1, at);
        var lines = text.Split('\n');
        var last = message.Contains("tab", StringComparison.Ordinal) ? lines.Length : Math.Min(line + 2, lines.Length);
        for (var i = line; i <= last; i++)
        {
            var written = lines[i - 1].AsSpan();
            if (!written[..^written.TrimStart().Length].Contains('\t'))
                continue;
            alone.Error(i, "", "not YAML: the indentation holds a tab", "indent with spaces alone");
            return;
        }
        alone.Error(
            line, "", "not YAML: " + Sentence(message),
            "here or in the lines above: align the indentation, put a space after each colon, close every quote and bracket");
    }

    private static string Cut(string word) => word.Length > LongestShownKey ? word[..LongestShownKey] : Findings.Shown(word);

    /// <summary>What the parser says becomes part of a sentence of ours.</summary>
    private static string Sentence(string message)
    {
        var text = Findings.Shown(message.Trim().TrimEnd('.'), longest: 200);
        return text.Length > 0 ? char.ToLowerInvariant(text[0]) + text[1..] : "it cannot be read";
    }
}
