using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Mainstay.Tests.Http1;

/// <summary>Every shape of malformed.txt: never served, never hanging, and the next connection works.</summary>
public sealed class MalformedTests(MalformedTests.House shared) : IClassFixture<MalformedTests.House>
{
    private const string Next = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

    public static TheoryData<string> Names => [.. RequestTexts.MalformedCases.Select(c => c.Name)];

    [Fact]
    public void The_table_is_long_and_its_names_differ()
    {
        Assert.True(RequestTexts.MalformedCases.Count >= 60);
        Assert.Equal(RequestTexts.MalformedCases.Count, RequestTexts.MalformedCases.DistinctBy(c => c.Name).Count());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task It_is_refused_when_it_comes_whole(string name) => await RefusedAsync(name, byteByByte: false);

    [Theory]
    [MemberData(nameof(Names))]
    public async Task It_is_refused_when_it_comes_byte_by_byte(string name) => await RefusedAsync(name, byteByByte: true);

    /// <summary>Where the pieces are cut must make no difference to what is found.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void It_is_refused_wherever_it_is_cut(string name)
    {
        var one = RequestTexts.MalformedCases.Single(c => c.Name == name);
        var whole = Parsed.Of(one.Bytes, [one.Bytes.Length]);
        Assert.Equal(one.Status, whole.Refusal?.Status.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "close");
        for (var cut = 1; cut < Math.Min(one.Bytes.Length, 600); cut++)
            Assert.Equal(whole, Parsed.Of(one.Bytes, [cut, one.Bytes.Length - cut]));
        Assert.Equal(whole, Parsed.Of(one.Bytes, Enumerable.Repeat(1, one.Bytes.Length)));
    }

    private async Task RefusedAsync(string name, bool byteByByte)
    {
        var one = RequestTexts.MalformedCases.Single(c => c.Name == name);
        using var caller = await shared.Front.ConnectAsync();
        try
        {
            if (!byteByByte)
            {
                await caller.SendAsync(one.Bytes);
            }
            else
            {
                for (var i = 0; i < one.Bytes.Length; i++)
                    await caller.SendAsync(one.Bytes.AsMemory(i, 1));
            }
            if (one.Status == "close")
                caller.EndSending();
            else
                await caller.SendAsync(Next);
        }
        catch (SocketException)
        {
            // It was refused before it was all sent.
        }
        var (answer, _) = await caller.ReadToEndOrResetAsync();
        if (one.Status == "close")
            Assert.Equal("", answer);
        else
            Assert.StartsWith($"HTTP/1.1 {one.Status} ", answer, StringComparison.Ordinal);
        // One answer and no more; then the connection is closed, and said to be.
        Assert.Equal(one.Status == "close" ? 0 : 1, Regex.Count(answer, "HTTP/1.1 [0-9]"));
        if (one.Status != "close")
            Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
        Assert.Empty(shared.Front.Served);

        // The next connection works.
        var good = await shared.Front.AskAsync("GET /good HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", good, StringComparison.Ordinal);
        Assert.True(shared.Front.Served.TryDequeue(out var served));
        Assert.Equal("GET /good a", served);
    }

    public sealed class House : IAsyncLifetime
    {
        internal FrontHouse Front { get; private set; } = null!;

        public async Task InitializeAsync() => Front = await FrontHouse.StartAsync();

        public async Task DisposeAsync() => await Front.DisposeAsync();
    }
}
