using System.Collections.Immutable;

namespace Mainstay.Control.Config;

/// <summary>A part of the file: a text, a list or a mapping, with the line (from 1) where it begins.</summary>
internal abstract record ConfigNode(int Line)
{
    /// <summary>What it is, for messages.</summary>
    public abstract string Kind { get; }
}

/// <param name="IsPlain">False if it stands in quotes.</param>
internal sealed record TextNode(int Line, string Text, bool IsPlain) : ConfigNode(Line)
{
    /// <summary>A key without anything behind it, or null.</summary>
    public bool IsEmpty => IsPlain && Text is "" or "~" or "null";

    public override string Kind => IsEmpty ? "empty" : "a single value";
}

internal sealed record ListNode(int Line, ImmutableArray<ConfigNode> Items) : ConfigNode(Line)
{
    public override string Kind => "a list";
}

/// <param name="Entries">In the order of the file; a key may stand there twice.</param>
internal sealed record MapNode(int Line, ImmutableArray<MapEntry> Entries) : ConfigNode(Line)
{
    public override string Kind => "a mapping";
}

internal readonly record struct MapEntry(int Line, string Key, ConfigNode Value);

/// <summary>Something whose mistake has been reported already, so that nothing more need be said about it.</summary>
internal sealed record RefusedNode(int Line) : ConfigNode(Line)
{
    public override string Kind => "refused";
}
