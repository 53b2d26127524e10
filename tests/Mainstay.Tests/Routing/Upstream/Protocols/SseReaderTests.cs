using System.Text;
using FsCheck.Fluent;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

public sealed class SseReaderTests
{
    [Theory]
    [InlineData("data: a\n\n", "a")]
    [InlineData("data:a\n\n", "a")]
    [InlineData("data:  a\n\n", " a")]
    [InlineData("data: a\r\n\r\n", "a")]
    [InlineData("data: a\r\r", "a")]
    [InlineData("data: a\n\r\ndata: b\r\n\n", "a|b")]
    [InlineData("\uFEFFdata: a\n\n", "a")]
    [InlineData(": ping\n\n: ping\n\ndata: a\n\n", "a")]
    [InlineData("data: a\n: between\ndata: b\n\n", "a+b")]
    [InlineData("data: a\ndata\ndata: b\n\n", "a++b")]
    [InlineData("event: x\ndata: a\n\ndata: b\n\n", "x=a|b")]
    [InlineData("data: a\nevent: x\nid: 7\nretry: 5\nnoise\n\n", "x=a")]
    [InlineData("event: x\n\ndata: b\n\n", "b")]
    [InlineData("event: x\nevent\ndata: b\n\n", "b")]
    [InlineData("data\n\n", "")]
    [InlineData("data:\n\n", "")]
    [InlineData("dat: a\n\ndata : b\n\n", null)]
    [InlineData("data: a\n", null)]
    [InlineData("data: a", null)]
    [InlineData("\n\n\n", null)]
    [InlineData("data: €𝄞\n\n", "€𝄞")]
    [InlineData("event: né\ndata: a\n\n", "né=a")]
    public void Reads_events_as_the_standard_says(string stream, string? events)
    {
        var bytes = Encoding.UTF8.GetBytes(stream);
        Assert.Equal(events, Events(bytes, [bytes.Length]));
        Assert.Equal(events, Events(bytes, Enumerable.Repeat(1, bytes.Length)));
    }

    [Fact]
    public void Any_split_of_the_bytes_gives_the_same_events()
    {
        string[] pieces =
        [
            "data: ", "data:", "event: ", "event: delta", ": comment", "data", "id: 1", "{\"text\":\"é€𝄞\"}", "[DONE]", "\uFEFF",
            "\n", "\n", "\r", "\r\n", "\n\n", "\r\n\r\n", "\r\r", new string('x', 300), new string('y', 5000),
        ];
        var cases =
            from chosen in Gen.Elements(pieces).ListOf()
            from cuts in Gen.Choose(1, 9).ListOf()
            select (string.Concat(chosen), cuts.Append(4000));
        Property.Holds(cases, run =>
        {
            var bytes = Encoding.UTF8.GetBytes(run.Item1);
            return Events(bytes, run.Item2) == Events(bytes, [Math.Max(1, bytes.Length)]);
        });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(5000)]
    public void An_event_without_end_is_refused_and_takes_no_more_memory(int piece)
    {
        var reader = new SseReader(longest: 1000);
        var line = Encoding.UTF8.GetBytes("data: " + new string('x', 994));
        for (var at = 0; at < line.Length; at += piece)
        {
            reader.Feed(line.AsSpan(at, Math.Min(piece, line.Length - at)));
            Assert.False(reader.TryRead(out _));
        }
        reader.Feed("y"u8);
        Assert.Throws<InvalidDataException>(() => reader.TryRead(out _));
    }

    [Fact]
    public void Data_lines_without_end_are_refused_as_well()
    {
        var reader = new SseReader(longest: 1000);
        Assert.Throws<InvalidDataException>(() =>
        {
            for (var i = 0; i < 200; i++)
            {
                reader.Feed("data: 12345\n"u8);
                reader.TryRead(out _);
            }
        });
    }

    [Fact]
    public void Comments_go_on_for_ever_without_being_kept()
    {
        var reader = new SseReader(longest: 100);
        for (var i = 0; i < 10_000; i++)
        {
            reader.Feed(": still here\n"u8);
            Assert.False(reader.TryRead(out _));
        }
    }

    [Fact]
    public void A_stream_of_usual_events_allocates_nothing_for_each()
    {
        var reader = new SseReader();
        var bytes = "data: {\"choices\":[{\"delta\":{\"content\":\"word\"}}]}\n\nevent: ping\ndata: {}\n\n"u8.ToArray();
        var events = 0;
        void Run()
        {
            for (var i = 0; i < 1000; i++)
            {
                reader.Feed(bytes);
                while (reader.TryRead(out _))
                    events++;
            }
        }
        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(4000, events);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
    }

    [Fact]
    public void A_long_event_in_small_pieces_costs_its_length_only()
    {
        var reader = new SseReader();
        reader.Feed("data: 1\n\ndata: "u8);
        Assert.True(reader.TryRead(out _));
        var piece = new byte[1000];
        Array.Fill(piece, (byte)'x');
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 4000; i++)
        {
            reader.Feed(piece);
            Assert.False(reader.TryRead(out _));
        }
        reader.Feed("\n\n"u8);
        Assert.True(reader.TryRead(out var one));
        Assert.Equal(4_000_000, one.Data.Length);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
    }

    // Null: no event at all.
    private static string? Events(byte[] bytes, IEnumerable<int> cuts)
    {
        var reader = new SseReader();
        var seen = new List<string>();
        var at = 0;
        foreach (var cut in cuts.Append(bytes.Length))
        {
            var length = Math.Min(cut, bytes.Length - at);
            // What was handed over may be written over at once.
            var piece = bytes.AsSpan(at, length).ToArray();
            reader.Feed(piece);
            Array.Fill(piece, (byte)'!');
            at += length;
            while (reader.TryRead(out var one))
                seen.Add((one.Name is null ? "" : one.Name + "=") + Encoding.UTF8.GetString(one.Data.Span).Replace('\n', '+'));
        }
        return seen.Count == 0 ? null : string.Join('|', seen);
    }
}
