using System.Text.RegularExpressions;

namespace Mainstay.Tests.Http1;

/// <summary>Every shape of wellformed.txt is served, and nothing but what was meant.</summary>
public sealed partial class WellFormedTests
{
    public static TheoryData<string> Names => [.. RequestTexts.WellFormedCases.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task It_is_served_however_it_comes(string name)
    {
        var one = RequestTexts.WellFormedCases.Single(c => c.Name == name);
        await using var house = await FrontHouse.StartAsync();
        int[] sizes = one.Bytes.Length < 2000 ? [one.Bytes.Length, 1, 7] : [one.Bytes.Length, 100];
        foreach (var size in sizes)
        {
            using var caller = await house.ConnectAsync();
            for (var i = 0; i < one.Bytes.Length; i += size)
                await caller.SendAsync(one.Bytes.AsMemory(i, Math.Min(size, one.Bytes.Length - i)));
            if (!one.Bytes.AsSpan().StartsWith("GET /old"u8) && !one.Name.StartsWith("HTTP 1.0", StringComparison.Ordinal))
                await caller.SendAsync("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            var answers = await caller.ReadToEndAsync();
            var served = house.Served.ToList();
            house.Served.Clear();
            if (served[^1] == "GET /last a")
                served.RemoveAt(served.Count - 1);
            Assert.Equal(one.Served, served);
            Assert.All(Statuses().Matches(answers).Select(m => m.Groups["status"].Value), s => Assert.Equal("200", s));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void It_means_the_same_wherever_it_is_cut(string name)
    {
        var bytes = RequestTexts.WellFormedCases.Single(c => c.Name == name).Bytes;
        var whole = Parsed.Of(bytes, [bytes.Length]);
        Assert.True(whole.Whole);
        for (var cut = 1; cut < Math.Min(bytes.Length, 600); cut++)
            Assert.Equal(whole, Parsed.Of(bytes, [cut, bytes.Length - cut]));
        Assert.Equal(whole, Parsed.Of(bytes, Enumerable.Repeat(1, bytes.Length)));
        Assert.Equal(whole, Parsed.Of(bytes, [bytes.Length], room: 1));
    }

    [GeneratedRegex("HTTP/1.1 (?<status>[0-9]+) ", RegexOptions.ExplicitCapture)]
    private static partial Regex Statuses();
}
