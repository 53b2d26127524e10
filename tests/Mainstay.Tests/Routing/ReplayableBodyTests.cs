using System.IO.Pipelines;
using FsCheck.Fluent;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class ReplayableBodyTests
{
    [Fact]
    public void Replays_exactly_what_was_sent_wherever_chunks_and_failures_fall()
    {
        // Chunks of the caller; after how many bytes each of the first attempts breaks.
        var gen = Gen.Choose(0, 700).ListOf().SelectMany(chunks =>
            Gen.Choose(0, 3000).ListOf(3).Select(breaks => (Chunks: chunks.ToList(), Breaks: breaks.ToList())));
        Property.Holds(gen, run =>
        {
            var sent = Bytes(run.Chunks.Sum());
            using var body = new ReplayableBody(Caller(sent, run.Chunks), limit: 1 << 20);
            foreach (var after in run.Breaks)
            {
                using var failing = new BreakingStream(after);
                try
                {
                    body.CopyToAsync(failing, CancellationToken.None).GetAwaiter().GetResult();
                }
                catch (IOException)
                {
                    // As intended: this server breaks in the middle.
                }
                if (!body.CanReplay || !sent.AsSpan().StartsWith(failing.Taken))
                    return false;
            }
            using var whole = new MemoryStream();
            body.CopyToAsync(whole, CancellationToken.None).GetAwaiter().GetResult();
            return whole.ToArray().AsSpan().SequenceEqual(sent);
        });
    }

    [Fact]
    public async Task A_server_that_breaks_while_the_caller_is_silent_leaves_the_body_to_the_next()
    {
        var pipe = new Pipe();
        using var body = new ReplayableBody(pipe.Reader, limit: 1000);
        await Assert.ThrowsAsync<IOException>(() => body.CopyToAsync(new BrokenStream(), CancellationToken.None).Patiently());
        await pipe.Writer.WriteAsync("late"u8.ToArray());
        await pipe.Writer.CompleteAsync();
        using var server = new MemoryStream();
        await body.CopyToAsync(server, CancellationToken.None).Patiently();
        Assert.Equal("late"u8.ToArray(), server.ToArray());
        Assert.True(body.CanReplay);
    }

    [Theory]
    [InlineData(1000, true)]
    [InlineData(1001, false)]
    public async Task Over_the_limit_it_is_sent_whole_and_says_that_it_cannot_be_sent_again(int length, bool canReplay)
    {
        var sent = Bytes(length);
        using var body = new ReplayableBody(Caller(sent, [300, 300, 300]), limit: 1000);
        using var server = new MemoryStream();
        await body.CopyToAsync(server, CancellationToken.None).Patiently();
        Assert.Equal(sent, server.ToArray());
        Assert.Equal(canReplay, body.CanReplay);
    }

    [Fact]
    public async Task A_cancelled_attempt_leaves_the_rest_to_the_next()
    {
        var caller = new Pipe();
        using var body = new ReplayableBody(caller.Reader, limit: 1000);
        using var cancel = new CancellationTokenSource();
        using var first = new MemoryStream();
        await caller.Writer.WriteAsync(Bytes(100));
        var copying = body.CopyToAsync(first, cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => copying.Patiently());
        await caller.Writer.WriteAsync(Bytes(200).AsMemory(100));
        await caller.Writer.CompleteAsync();
        using var second = new MemoryStream();
        await body.CopyToAsync(second, CancellationToken.None).Patiently();
        Assert.Equal(Bytes(200), second.ToArray());
    }

    [Fact]
    public async Task An_empty_body_ends_at_once()
    {
        using var body = new ReplayableBody(Caller([], []), limit: 0);
        using var server = new MemoryStream();
        await body.CopyToAsync(server, CancellationToken.None).Patiently();
        Assert.Equal(0, server.Length);
        Assert.True(body.CanReplay);
    }

    private static byte[] Bytes(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 31 % 251))];

    private static PipeReader Caller(byte[] sent, IEnumerable<int> chunks)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var at = 0;
        foreach (var chunk in chunks.Append(int.MaxValue))
        {
            var end = (int)Math.Min((long)at + chunk, sent.Length);
            pipe.Writer.WriteAsync(sent.AsMemory(at..end)).AsTask().GetAwaiter().GetResult();
            at = end;
        }
        pipe.Writer.Complete();
        return pipe.Reader;
    }

    /// <summary>Takes so many bytes and then breaks, as a server does that dies in the middle.</summary>
    private sealed class BreakingStream(int after) : MemoryStream
    {
        public byte[] Taken => ToArray();

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var room = (int)Math.Min(after - Length, buffer.Length);
            Write(buffer.Span[..room]);
            return room < buffer.Length ? throw new IOException("broken") : ValueTask.CompletedTask;
        }
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override Task FlushAsync(CancellationToken cancellationToken) => Task.FromException(new IOException("It is gone."));
    }
}
